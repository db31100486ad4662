#!/usr/bin/env node
/**
 * A sweep from the terminal: `npm run sweep -- --config FILE [--store DIR] [--workers N] [--out FILE]`.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { AbortedError, LookbehindError, OptionError } from '../runtime/errors';
import { expandGrid, type SweepGrid } from './grid';
import { exportRows, flattenRow, flattenRows } from './rows';
import { summarise } from './statistics';
import { type RunRow, type SweepProgress, sweep } from './sweep';

const HELP = `Runs a grid of configurations and keeps the results; what is done is not run again.

  npm run sweep -- --config FILE [--store DIR] [--workers N] [--out FILE]

  --config FILE   JSON: a grid of runs, or a list of grids. A list in place of a value means each of these:
                  { "data": "mnist1d", "model": { "kind": "mlp", "hidden": [100, 100] }, "epochs": 30,
                    "optimizer": [{ "kind": "sam", "rho": [0.05, 0.1] }, { "kind": "lookbehindSAM", "k": [2, 5] }],
                    "seeds": 5 }
  --store DIR     where runs are kept (default: data/runs of the project)
  --workers N     worker processes (default: one per core)
  --out FILE      writes one row per run, as CSV or JSON
  --list          shows what would be run, and runs nothing

Ctrl-C stops at the next step and saves; the same command goes on from there. A second Ctrl-C stops at once.
`;

/** Exit codes: all runs are there; a run failed or the call was wrong; interrupted. */
const EXIT = { good: 0, failed: 1, interrupted: 130 } as const;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      config: { type: 'string' },
      store: { type: 'string' },
      workers: { type: 'string' },
      out: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return EXIT.good;
  }
  if (values.config === undefined) throw new OptionError('--config', values.config, 'the name of a JSON file', 'See --help.');
  if (values.out !== undefined && !/\.(csv|json)$/.test(values.out)) {
    throw new OptionError('--out', values.out, 'a name that ends in .csv or .json');
  }
  const grids = readGrids(values.config);
  if (values.list) {
    for (const config of grids.flatMap(expandGrid)) console.log(JSON.stringify(config));
    return EXIT.good;
  }
  const rows = await run(grids, values.store, values.workers === undefined ? undefined : Number(values.workers));
  if (values.out !== undefined) exportRows(values.out, rows);
  return report(rows);
}

function readGrids(path: string): SweepGrid[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new OptionError('--config', path, 'a readable JSON file', (error as Error).message);
  }
  return (Array.isArray(content) ? content : [content]) as SweepGrid[];
}

async function run(grids: SweepGrid[], store: string | undefined, workers: number | undefined): Promise<RunRow[]> {
  const controller = new AbortController();
  process.once('SIGINT', () => {
    process.once('SIGINT', () => process.exit(EXIT.interrupted));
    process.stderr.write('\nStopping; press Ctrl-C again to stop at once.\n');
    controller.abort(new AbortedError('Interrupted.'));
  });
  const line = process.stderr.isTTY ? (text: string) => process.stderr.write(`\r\u001b[2K${text}`) : () => {};
  const onRow = (row: RunRow): void => {
    if (row.reused) return;
    line('');
    console.log(describe(row));
  };
  const onProgress = (progress: SweepProgress): void => {
    line(bar(progress));
  };
  try {
    return await sweep(grids, { store, workers, signal: controller.signal, onRow, onProgress });
  } finally {
    line('');
  }
}

function describe(row: RunRow): string {
  const { label, seed, testError, trainLoss, seconds } = flattenRow(row);
  const name = `${row.hash}  ${label}, seed ${seed}`;
  if (row.status === 'failed') return `${name}: failed. ${row.error}`;
  if (row.status === 'diverged') return `${name}: diverged`;
  const fixed = (value: unknown, digits: number): string => (typeof value === 'number' ? value.toFixed(digits) : '-');
  return `${name}: test error ${fixed(testError, 2)} %, train loss ${fixed(trainLoss, 4)}, ${fixed(seconds, 1)} s`;
}

function bar({ total, done, reused, failed, share, secondsLeft }: SweepProgress): string {
  const width = 24;
  const filled = Math.round(width * share);
  const left = secondsLeft === undefined || done === total ? '' : ` · ${duration(secondsLeft)} left`;
  const notes = `${reused > 0 ? ` · ${reused} reused` : ''}${failed > 0 ? ` · ${failed} failed` : ''}`;
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total} runs${notes}${left}`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function report(rows: readonly RunRow[]): number {
  const failed = rows.filter(({ status }) => status === 'failed');
  console.log(
    `\n${rows.length} runs, ${rows.filter(({ reused }) => reused).length} of them from before, ${failed.length} failed.`,
  );
  for (const { group, mean, std, count, missing } of summarise(flattenRows(rows))) {
    const note = missing > 0 ? `, ${missing} without a result` : '';
    console.log(`  ${group.label}: test error ${mean.toFixed(2)} ± ${std.toFixed(2)} % (${count} runs${note})`);
  }
  return failed.length === 0 ? EXIT.good : EXIT.failed;
}

main().then(
  (code) => process.exit(code),
  (error: Error) => {
    const known = error instanceof LookbehindError || 'code' in error;
    console.error(known ? error.message : error.stack);
    process.exit(error instanceof AbortedError ? EXIT.interrupted : EXIT.failed);
  },
);
