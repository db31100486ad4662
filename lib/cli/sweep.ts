#!/usr/bin/env node
/**
 * A sweep from the terminal:
 * `npm run sweep -- --config FILE [--store DIR] [--engine E] [--workers N] [--out FILE]
 * [--report FILE]`.
 */
import { parseArgs } from 'node:util';
import { checkNumber, OptionError } from '../core/errors';
import { shellWord } from '../core/escape';
import { writeFileAtomic } from '../files/atomicFile';
import { readRegularText } from '../files/regularFile';
import { checkPagePackages, sweepPage } from '../notebook/sweepPage';
import { expandGrid, type SweepGrid } from '../runs/config/grid';
import { RunStore } from '../runs/store';
import type { RunRow } from '../runs/sweep';
import { exportRows } from '../statistics/rows';
import {
  describeCost,
  describeResults,
  ENGINE_OPTIONS,
  EXIT,
  engineChoice,
  engineUsage,
  runCommand,
  submit,
  watch,
  watchedSweep,
} from './commandLine';

const HELP = `Runs a grid of configurations and keeps the results; what is done is not run again.
In a checkout: npm run sweep -- ...

  npx lookbehind sweep --config FILE [--store DIR] [--module FILE] [--engine E] [--workers N] [--out FILE]
                       [--report FILE]

  --config FILE   JSON: a grid of runs, or a list of grids. A list in place of a value means each of these:
                  { "data": "mnist1d", "model": { "kind": "mlp", "hidden": [100, 100] }, "epochs": 30,
                    "optimizer": [{ "kind": "sam", "rho": [0.05, 0.1] },
                                  { "kind": "lookbehindSAM", "k": [2, 5] }],
                    "seeds": 5 }
  --module FILE   a JavaScript module with your own data sets and models, exported by name:
                    export const data = { houses: async (options) => ({ train, test }) };
                    export const models = { small: ({ inputs, classes, seed, ...rest }) => tf.sequential(...) };
                    export const files = ['houses.csv'];
                  "data": { "kind": "own", "name": "houses" } is then one of them. The content of the module,
                  of what it imports by a relative path, and of its files is part of the run
${engineUsage('processes')}
  --out FILE      writes one row per run, as CSV or JSON
  --report FILE   writes a page: tables that sort, parallel coordinates, learning curves (default:
                  sweep.html); it needs plotly.js
  --list          shows what would be run, and runs nothing
  --only I        runs the I-th of these alone, counted from 0: an element of a job array

Ctrl-C stops at the next step and saves; the same command goes on from there. A second Ctrl-C stops at once.
`;

/** Bytes of the largest file of grids. */
const LARGEST_CONFIG = 1 << 26;

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: process.argv.slice(2).flatMap(withReportName),
    options: {
      ...ENGINE_OPTIONS,
      config: { type: 'string' },
      module: { type: 'string' },
      out: { type: 'string' },
      report: { type: 'string' },
      list: { type: 'boolean' },
      only: { type: 'string' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return EXIT.good;
  }
  if (values.config === undefined)
    throw new OptionError('--config', values.config, 'the name of a JSON file', 'See --help.');
  if (values.out !== undefined && !/\.(csv|json)$/.test(values.out)) {
    throw new OptionError('--out', values.out, 'a name that ends in .csv or .json');
  }
  if (values.report !== undefined) {
    if (!values.report.endsWith('.html'))
      throw new OptionError('--report', values.report, 'a name that ends in .html');
    checkPagePackages();
  }
  const choice = engineChoice(values);
  const grids = onlyOne(withModule(readGrids(values.config), values.module), values.only);
  if (values.list) {
    for (const config of grids.flatMap(expandGrid)) console.log(JSON.stringify(config));
    return EXIT.good;
  }
  const store = new RunStore(values.store);
  const configs = grids.flatMap(expandGrid);
  if (choice.engine === 'slurm') return submit(configs, store, choice);
  return watchedSweep(grids, choice, watch(configs), { store }, (rows) => {
    if (values.out !== undefined) exportRows(values.out, rows);
    if (values.report !== undefined)
      writeFileAtomic(values.report, sweepPage(rows, `${describeRuns(rows)}.`));
    return report(rows, store);
  });
}

/** `--report` without a name means `--report sweep.html`. */
function withReportName(arg: string, i: number, all: readonly string[]): string[] {
  return arg === '--report' && (all[i + 1] ?? '-').startsWith('-') ? [arg, 'sweep.html'] : [arg];
}

function readGrids(path: string): SweepGrid[] {
  let content: unknown;
  try {
    content = JSON.parse(readRegularText(path, LARGEST_CONFIG));
  } catch (error) {
    throw new OptionError('--config', path, 'a readable JSON file', (error as Error).message);
  }
  return (Array.isArray(content) ? content : [content]) as SweepGrid[];
}

/** Data and models of kind `own` that name no module are in this one. */
function withModule(grids: SweepGrid[], module: string | undefined): SweepGrid[] {
  const filled = <T>(value: T): T => {
    if (Array.isArray(value)) return value.map(filled) as T;
    const isOwn = typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'own';
    return isOwn ? { module, ...value } : value;
  };
  if (module === undefined) return grids;
  return grids.map((grid) => ({ ...grid, data: filled(grid.data), model: filled(grid.model) }));
}

function onlyOne(grids: SweepGrid[], index: string | undefined): SweepGrid[] {
  if (index === undefined) return grids;
  const configs = grids.flatMap(expandGrid);
  return [
    configs[
      checkNumber('--only', Number(index), { min: 0, max: configs.length - 1, integer: true })
    ] as SweepGrid,
  ];
}

function report(rows: readonly RunRow[], store: RunStore): number {
  console.log(`\n${describeRuns(rows)}.`);
  console.log(`\n${describeResults(rows)}`);
  console.log(`\nCurves beside each other: tensorboard --logdir ${shellWord(store.tensorboard)}`);
  return rows.some(({ status }) => status === 'failed') ? EXIT.failed : EXIT.good;
}

function describeRuns(rows: readonly RunRow[]): string {
  const reused = rows.filter(({ reused }) => reused).length;
  const failed = rows.filter(({ status }) => status === 'failed').length;
  return (
    `${rows.length} runs, ${reused} of them from before, ${failed} failed; all together ` +
    `${describeCost(rows)}`
  );
}

runCommand(main);
