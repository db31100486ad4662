#!/usr/bin/env node
/**
 * The paper's tables from the terminal:
 * `npm run reproduce -- --table T [--dry-run] [--sizes FILE] [--out DIR] [--engine E]`.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  describeCost,
  ENGINE_OPTIONS,
  EXIT,
  engineChoice,
  engineUsage,
  runCommand,
  submit,
  watch,
  watchedSweep,
} from '../cli/commandLine';
import { duration } from '../core/duration';
import { checkOneOf } from '../core/errors';
import { describeForecast, type Forecast, forecast, RunStore } from '../runs';
import { renderTable } from '../statistics/table';
import { readSizes } from './commandLine';
import { paperReport } from './report';
import { PAPER_TABLES, paperGrids, paperRuns } from './tables';
import { writeReport } from './writeReport';

const HELP = `Makes a table of the paper: trains what is missing, writes the table and its figures.
In a checkout: npm run reproduce -- ...

  npx lookbehind reproduce --table T [--dry-run] [--sizes FILE] [--size NAME=VALUE] [--out DIR] [--engine E]

  --table T       generalization, noise, lifelong or ablation; the first, second and last share their runs
  --dry-run       says what would be run and how long that takes, and runs nothing
  --sizes FILE    JSON: sizes in place of the paper's, such as { "data": "cifar10", "epochs": 50,
                  "models": { "kind": "resNet", "depth": 20 }, "seeds": 1 }. There are: data, folder (files of
                  your own), models, methods, samples, epochs, batchSize, seeds, k, alpha, draws (of the
                  noise), tasks and memory (of lifelong learning)
  --size N=V      one of these, such as --size seeds=1 --size 'k=[2,5]'; may be repeated,
                  and goes over those of the file
  --out DIR       where table and figures are written (default: results/<table>, in the folder of
                  the terminal)
${engineUsage('inProcess')}

Each run is saved after every epoch. Ctrl-C stops at the next step and saves; the same command goes on from
there, on any machine that shares the store. A second Ctrl-C stops at once.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ...ENGINE_OPTIONS,
      engine: { type: 'string', default: 'inProcess' },
      table: { type: 'string' },
      'dry-run': { type: 'boolean' },
      sizes: { type: 'string' },
      size: { type: 'string', multiple: true },
      out: { type: 'string' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return EXIT.good;
  }
  const table = checkOneOf('--table', values.table as (typeof PAPER_TABLES)[number], PAPER_TABLES);
  const sizes = readSizes(values.sizes, values.size);
  const choice = engineChoice(values);
  const runs = paperRuns(table, sizes);
  const store = new RunStore(values.store);
  const watched = watch(runs);

  const expected = await forecast(runs, {
    store,
    signal: watched.signal,
    onMeasure: (what) => console.log(`Measuring a step: ${what} ...`),
  });
  console.log(describe(expected));
  if (values['dry-run']) return EXIT.good;
  if (choice.engine === 'slurm') return submit(runs, store, choice);

  // A checkpoint after every epoch, however short.
  return watchedSweep(
    paperGrids(table, sizes),
    choice,
    watched,
    { store, checkpointSeconds: 0 },
    async (rows) => {
      const report = paperReport(table, rows);
      for (const part of report.tables) console.log(`\n${renderTable(part.rows, part.options).text}`);
      const failed = rows.filter(({ status }) => status === 'failed').length;
      console.log(`\n${rows.length} runs, ${failed} failed; all together ${describeCost(rows)}.`);
      const folder = values.out ?? join('results', table);
      const { files, withoutPictures } = await writeReport(folder, report, rows);
      console.log(`Table and figures are in ${folder}: ${files.length} files.`);
      if (withoutPictures !== undefined) console.log(`There are no pictures: ${withoutPictures}`);
      return failed === 0 ? EXIT.good : EXIT.failed;
    },
  );
}

function describe(expected: Forecast): string {
  const { text } = renderTable(
    expected.rows.map((row) => ({
      network: row.model,
      data: row.data,
      methods: `${row.methods}${row.replay ? ', with replay' : ''}`,
      runs: row.done === 0 ? String(row.runs) : `${row.runs}, ${row.done} done`,
      'gradients per batch': row.perBatch,
      'gradients per run': row.gradients.toLocaleString('en'),
      'time per run': Number.isNaN(row.seconds) ? '' : duration(row.seconds),
    })),
  );
  return `${text}\n${describeForecast(expected)}`;
}

runCommand(main);
