/** A point of the atlas, trained again. */
import { existsSync } from 'node:fs';
import { checkOneOf, DataError } from '../core/errors';
import { checkOptions, needed, number, type OptionsOf, text, whole } from '../core/options';
import { InProcessEngine, type RunConfig, RunStore, type SweepGrid, sweep } from '../runs';
import { flattenRow } from '../statistics';
import { readAtlas } from './atlas';
import { rounded } from './study';

/** Describes a point. */
const POINT = {
  /** The part of the study, a name in `STUDY` that the atlas has. */
  part: needed(text()),
  /** The method, a `StudyMethod`. */
  method: needed(text()),
  /** Gradients per training sample. */
  budget: needed(number({ min: 0 })),
  /** Share of training samples with a wrong label. Default 0. */
  labelNoise: number({ min: 0, max: 1 }, 0),
  /** The number of one of the draws, on the selection set. Default: the chosen one, on the test set. */
  draw: whole({ min: 0 }),
  /** One of the row's seeds. Default: its first. */
  seed: whole(),
};

/** A point of the atlas. */
export type AtlasPoint = OptionsOf<typeof POINT>;

/** A run of the atlas, and what it gives now. */
export interface Retrained {
  /** Its seed. */
  seed: number;
  /** Its error in the atlas, in per cent; NaN where it diverged. */
  inAtlas: number;
  /** Its error now. On another kind of machine it may differ by the chaos of training, a point or two. */
  now: number;
}

/**
 * Trains a run of the atlas again, in this process.
 *
 * @param store Keeps the run. Default: `data/runs` of the project.
 * @example
 * await retrain({ part: 'digits', method: 'lookbehindSAM', budget: 90, labelNoise: 0.4 });
 * @throws OptionError where the atlas has no such point, DataError where its data cannot be loaded. Else as
 *   `sweep`.
 */
export async function retrain(point: AtlasPoint, store: RunStore = new RunStore()): Promise<Retrained> {
  const { draw, seed, ...place } = checkOptions('retrain', POINT, point);
  let rows = readAtlas().filter(({ stage }) => stage === (draw === undefined ? 'report' : 'selection'));
  for (const [name, value] of Object.entries({ ...place, ...(draw === undefined ? {} : { draw }) })) {
    const fieldOf = (row: (typeof rows)[0]) => row[name as keyof typeof place];
    checkOneOf(name, value, [...new Set(rows.map(fieldOf))]);
    rows = rows.filter((row) => fieldOf(row) === value);
  }
  const [{ config, seeds, values }] = rows;
  const chosen = seed === undefined ? seeds[0] : checkOneOf('seed', seed, seeds);
  const grid = { ...config, data: present(config.data), seed: chosen };
  const [run] = await sweep(grid as SweepGrid, {
    store,
    engine: new InProcessEngine(),
  });
  if (run.status === 'failed') throw new DataError(run.error!);
  return {
    seed: chosen,
    inAtlas: values.testError[seeds.indexOf(chosen)],
    now: rounded(Number(flattenRow(run).testError)),
  };
}

/** Data whose folder is on this machine; without it they are downloaded. */
function present(data: RunConfig['data']): RunConfig['data'] {
  const { folder } = data as { folder?: string };
  return folder === undefined || existsSync(folder)
    ? data
    : ({ ...(data as object), folder: undefined } as RunConfig['data']);
}
