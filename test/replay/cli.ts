/**
 * `npm run replay [-- PATH...]`; with the package, `npx lookbehind replay [PATH...]`.
 *
 * Replays golden files, or folders of them, prints a line per file and closes with
 * `N passed, N failed, N skipped`. Default: test/golden; the package has a part of it.
 */
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { replayAnalysis } from './analysis';
import { type GoldenTrajectory, readGolden } from './golden';
import { replayIdentities } from './identities';
import { replayTrajectory } from './trajectory';

type Outcome = { passed: boolean; text: string } | 'skipped';

const HELP = `Replays trajectories that the official PyTorch code recorded, and compares each number. In a checkout: npm run replay -- ...

  npx lookbehind replay [PATH...]

  PATH   a golden file, or a folder of them (default: those that come with the library)
`;

async function main(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return 0;
  }
  const option = args.find((arg) => arg.startsWith('-'));
  if (option !== undefined) {
    process.stderr.write(`There is no option ${option}.\n\n${HELP}`);
    return 2;
  }
  const paths = args.length > 0 ? args : [join(__dirname, '..', 'golden')];
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of paths.flatMap(filesAt)) {
    const outcome = await replay(file);
    const word = outcome === 'skipped' ? 'skipped' : outcome.passed ? 'passed' : 'failed';
    counts[word]++;
    console.log(
      `${word.padEnd(8)}${relative(process.cwd(), file)}${outcome === 'skipped' ? '' : `  ${outcome.text}`}`,
    );
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed === 0 ? 0 : 1;
}

function filesAt(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
  } catch {
    return [path];
  }
  return readdirSync(path)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(path, name));
}

async function replay(file: string): Promise<Outcome> {
  try {
    const golden = readGolden(file);
    switch (golden.kind) {
      case 'trajectory':
        return replayBothOrders(golden as unknown as GoldenTrajectory);
      case 'analysis':
        // Stock tf.js has wrong second derivatives; lookbehind/compile mends them on the native backend.
        if (tf.getBackend() !== 'tensorflow') return 'skipped';
        return describe([['', await replayAnalysis(golden)]]);
      case 'identities':
        return replayIdentities(golden, file);
      default:
        return 'skipped';
    }
  } catch (error) {
    return { passed: false, text: (error as Error).message };
  }
}

function replayBothOrders(golden: GoldenTrajectory): Outcome {
  const official = replayTrajectory(golden);
  const reusable =
    golden.settings.algorithm.startsWith('lookbehind') &&
    golden.settings.batchMode !== 'fresh' &&
    golden.settings.k > 1;
  if (!reusable) return describe([['', official]]);
  return describe([
    ['2k gradients: ', official],
    ['k + 1 gradients: ', replayTrajectory(golden, { reuseGradients: true })],
  ]);
}

function describe(results: Array<[string, { passed: boolean; toString(): string }]>): Outcome {
  return {
    passed: results.every(([, { passed }]) => passed),
    text: results.map(([label, result]) => `${label}${result}`).join('; '),
  };
}

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
