/**
 * Grids of configurations: a list in place of a value means "each of these".
 *
 *     { optimizer: [{ kind: 'sam', rho: [.05, .1] }, { kind: 'asam', rho: [.5, 1], eta: [0, .01] }],
 *       ..., seeds: 3 }
 *
 * stands for (2 + 4) * 3 runs. What holds for one kind only, such as eta, stands beside that kind. Where a
 * field itself is a list (`hidden`, `filters`, `milestones`, `angles`, `stages`, ...), a list of lists means
 * each of them.
 */
import { checkNumber, checkObject, OptionError } from '../../core/errors';
import type { MetricName } from '../../training/metrics';
import { type FullRunConfig, type RunConfig, resolveConfig } from './config';
import type { MeasureConfig } from './measures';

/** A value of `T`, or several. */
export type Each<T> = EachValue<T> | readonly EachValue<T>[];

/** One value: a list as it is, an object whose fields may hold several values. */
export type EachValue<T> = T extends readonly unknown[] ? T : EachField<T>;

/** An object whose fields may each hold several values; other values as they are. */
export type EachField<T> = T extends object ? { [K in keyof T]: Each<T[K]> } : T;

/** A grid of runs. A single configuration is a grid, too. */
export type SweepGrid = EachField<Omit<RunConfig, 'measures' | 'metrics'>> & {
  /** Metrics of all runs. */
  metrics?: readonly MetricName[];
  /** Seeds: a list, or how many, from 0. In place of `seed`. */
  seeds?: number | readonly number[];
  /** What to measure at the end of each run: one list for all. */
  measures?: readonly MeasureConfig[];
};

/** Fields that hold lists themselves. */
const LIST_FIELDS: ReadonlySet<string> = new Set([
  'hidden',
  'filters',
  'milestones',
  'angles',
  'stages',
  'positions',
]);
/**
 * Runs of the largest grid, and levels of its deepest value: more is a mistake, or an attack on the memory.
 */
const MOST_RUNS = 100_000;
const DEEPEST = 32;
/** Fields that are taken as they are. */
const PLAIN_FIELDS: ReadonlySet<string> = new Set(['measures', 'metrics']);

/**
 * All configurations of a grid: seeds change fastest, then the last fields.
 *
 * @throws OptionError for an unknown or wrong field in any of them.
 */
export function expandGrid(grid: SweepGrid): FullRunConfig[] {
  checkObject('the grid', grid);
  const { seeds, ...rest } = grid;
  if (seeds !== undefined && rest.seed !== undefined)
    throw new OptionError('seed', rest.seed, 'left out where seeds is given');
  const seed =
    typeof seeds === 'number'
      ? upTo(checkNumber('seeds', seeds, { min: 1, max: MOST_RUNS, integer: true }))
      : seeds;
  const { seed: _seed, ...others } = rest;
  const last = seed ?? rest.seed;
  return alternatives('', last === undefined ? others : { ...others, seed: last }).map(resolveConfig);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** All values that `value` stands for. */
function alternatives(name: string, value: unknown, depth = 0): unknown[] {
  if (depth > DEEPEST) throw new OptionError(name, value, `nested at most ${DEEPEST} deep`);
  if (PLAIN_FIELDS.has(name)) return [value];
  if (Array.isArray(value)) {
    if (LIST_FIELDS.has(name) && !(value.length > 0 && value.every(Array.isArray))) return [value];
    if (value.length === 0) throw new OptionError(name, value, 'a list of at least one value');
    return LIST_FIELDS.has(name) ? value : value.flatMap((one) => alternatives(name, one, depth + 1));
  }
  if (typeof value !== 'object' || value === null) return [value];
  return Object.entries(value).reduce<object[]>(
    (configs, [field, item]) => {
      const values = alternatives(field, item, depth + 1);
      if (configs.length * values.length > MOST_RUNS) {
        throw new OptionError(
          'the grid',
          `${configs.length * values.length} runs or more`,
          `of at most ${MOST_RUNS} runs`,
        );
      }
      return configs.flatMap((config) => values.map((one) => ({ ...config, [field]: one })));
    },
    [{}],
  );
}
