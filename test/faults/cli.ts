/**
 * `npm run test:faults`: the fault tests at full length. `npm test` runs the same files, with a few moments
 * of each.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const HELP = `Kills, fills disks, damages files and gives wrong options, and looks at what becomes of the work.

  npm run test:faults [-- --only PART,PART] [--kills N] [--seed N]

  --only PART   one or more of: PARTS (default: all)
  --kills N     kills (-9) in all, at random moments (default 200)
  --seed N      draws other moments, damages and options (default 0)

Ends with \`N passed, N failed\`.
`;

/** Share of the kills that each part gets; in tests of other parts, how many cases (or steps) they try. */
const KILLS: Readonly<Record<string, number>> = {
  training: 0.3,
  sweep: 0.2,
  surface: 0.2,
  download: 0.25,
  notebook: 0.05,
};
const CASES: Readonly<Record<string, number>> = { damage: 500, soak: 10_000 };

const folder = __dirname;
const parts = readdirSync(folder).flatMap((name) => /^(\w+)(\.slow)?\.test\.ts$/.exec(name)?.[1] ?? []);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      kills: { type: 'string', default: '200' },
      seed: { type: 'string', default: '0' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const kills = Number(values.kills);
  const chosen = values.only?.split(',') ?? parts;
  const unknown = chosen.find((part) => !parts.includes(part));
  if (values.help || unknown !== undefined || !Number.isInteger(kills) || kills < 1) {
    process.stdout.write(HELP.replace('PARTS', parts.join(', ')));
    return values.help ? 0 : 2;
  }
  const killed = chosen.filter((part) => part in KILLS);
  const shares = killed.reduce((sum, part) => sum + KILLS[part], 0);
  const count = { passed: 0, failed: 0 };
  for (const part of chosen) {
    const scale = part in KILLS ? Math.ceil((kills * KILLS[part]) / shares) : CASES[part];
    const { passed, failed } = await run(part, {
      LB_FAULTS: scale === undefined ? undefined : String(scale),
      LB_FAULTS_SEED: values.seed,
    });
    count.passed += passed;
    count.failed += failed;
  }
  console.log(`${count.passed} passed, ${count.failed} failed`);
  return count.failed === 0 && count.passed > 0 ? 0 : 1;
}

/** Runs the tests of one part. */
function run(part: string, env: NodeJS.ProcessEnv): Promise<{ passed: number; failed: number }> {
  const file = readdirSync(folder).find((name) => name.startsWith(`${part}.`))!;
  const args = [...process.execArgv, '--test', '--test-reporter=spec', join(folder, file)];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  console.log(part);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    process.stdout.write(
      text.replace(/^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) .*\n/gm, ''),
    );
  });
  const number = (word: string): number =>
    Number(new RegExp(`^ℹ ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const failed = number('fail') + number('cancelled');
      resolve({ passed: number('pass'), failed: failed === 0 && code !== 0 ? 1 : failed });
    });
  });
}

main().then((code) => {
  process.exitCode = code;
});
