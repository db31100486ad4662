#!/usr/bin/env node
/**
 * Makes a part of the atlas: `npm run study -- PART [--out FILE] [--store DIR] [--engine E]`. With `--again`
 * it trains one point of the atlas.
 */
import { parseArgs } from 'node:util';
import {
  ENGINE_OPTIONS,
  EXIT,
  engineChoice,
  engineUsage,
  makeEngine,
  runCommand,
  watch,
} from '../cli/commandLine';
import { duration } from '../core/duration';
import { checkOneOf, OptionError } from '../core/errors';
import { RunStore, sweep } from '../runs';
import { workOf } from '../runs/config/config';
import { trainingSize } from '../runs/config/dataConfig';
import { atlasFile } from './atlas';
import { type AtlasPoint, retrain } from './retrain';
import { makeStudy, searchesOf, triedCount } from './study';
import { STUDY, type StudyPart, type StudyPartName } from './studyParts';

const PARTS = Object.keys(STUDY) as StudyPartName[];

const HELP = `Makes a part of the atlas, the results of long runs that notebooks read.
In a checkout: npm run study -- ...

  npx lookbehind study PART [--dry-run] [--out FILE] [--store DIR] [--engine E]
  npx lookbehind study PART --again METHOD --budget N [--labelNoise S] [--draw N] [--seed N]

  PART            ${PARTS.join(', ')}
  --dry-run       says how much there is to do, and runs nothing
  --out FILE      the file of the atlas; rows of other parts stay in it (default: data/atlas/atlas.jsonl
                  of the project)
${engineUsage('processes')}

  --again METHOD  trains one point of the atlas again, and says its error here and there: the
                  chosen setting of METHOD
  --budget N      at this budget, in gradients per sample
  --labelNoise S  with this share of wrong labels (default: 0)
  --draw N        one of the settings that were tried, judged on the selection set (default: the
                  chosen one)
  --seed N        one of its seeds (default: the first)

Ctrl-C stops at the next step and saves; the same command goes on from there. The atlas is written after each
search. SLURM is no choice here: what is reported depends on what was chosen.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...ENGINE_OPTIONS,
      out: { type: 'string' },
      'dry-run': { type: 'boolean' },
      again: { type: 'string' },
      budget: { type: 'string' },
      labelNoise: { type: 'string' },
      draw: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return EXIT.good;
  }
  const name = checkOneOf('PART', positionals[0] as StudyPartName, PARTS);
  if (values.again !== undefined) {
    const { again: method, budget, labelNoise, draw, seed } = values;
    const [gradients, noise, number, chosen] = [budget, labelNoise, draw, seed].map(
      (text) => text && Number(text),
    );
    const point = { part: name, method, budget: gradients, labelNoise: noise, draw: number, seed: chosen };
    const { now, inAtlas, seed: used } = await retrain(point as AtlasPoint, new RunStore(values.store));
    console.log(`seed ${used}: ${now} % wrong answers here, ${inAtlas} % in the atlas.`);
    return EXIT.good;
  }
  const part: StudyPart = STUDY[name];
  const { runs, work: total } = sizeOf(part);
  console.log(
    `${name}: ${runs.toLocaleString('en')} runs, about ` +
      `${total.toLocaleString('en')} gradients of one sample.`,
  );
  if (values['dry-run']) return EXIT.good;
  const choice = engineChoice(values);
  if (choice.engine === 'slurm')
    throw new OptionError('--engine', choice.engine, 'processes, inProcess or ray');

  const { signal, onProgress, clear } = watch([]);
  const store = new RunStore(values.store);
  // With one thread a run adds in the same order each time, and is made again to the bit.
  const engine = await makeEngine({ ...choice, threads: 1 });
  const started = performance.now();
  let [done, doneHere] = [0, 0];
  try {
    const rows = await makeStudy({
      name,
      part,
      path: values.out ?? atlasFile(),
      async train(grids, what) {
        const found = await sweep(grids, { store, engine, signal, onProgress });
        clear();
        for (const { config, reused } of found) {
          done += workOf(config);
          if (!reused) doneHere += workOf(config);
        }
        const speed = doneHere / ((performance.now() - started) / 1000);
        const left = doneHere > 0 ? `, ${duration(Math.max(0, total - done) / speed)} left` : '';
        console.log(`${what}: ${found.length} runs. ${Math.round((100 * done) / total)} % done${left}`);
        return found;
      },
    });
    console.log(`${rows.length} rows, ${duration((performance.now() - started) / 1000)}.`);
    return EXIT.good;
  } finally {
    clear();
    await engine.close();
  }
}

/** How many runs a part has, and their work as `workOf` counts it. */
function sizeOf(part: StudyPart): { runs: number; work: number } {
  const { methods, selectionSeeds, reportSeeds } = part;
  let [runs, work] = [0, 0];
  for (const { gradients } of searchesOf(part)) {
    const here = methods.length * (triedCount(part, gradients) * selectionSeeds.length + reportSeeds.length);
    runs += here;
    work += here * gradients * trainingSize(part.data);
  }
  return { runs, work };
}

runCommand(main);
