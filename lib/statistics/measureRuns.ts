/** Looks at finished runs of a sweep, one model after the other: for measures that need the model itself. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { disposing } from '../core/disposing';
import { throwIfAborted } from '../core/errors';
import { callback, checkOptions, either, type OptionsOf, object, signal, text, whole } from '../core/options';
import { writeFileAtomic } from '../files/atomicFile';
import { parseChecked, stringifyChecked, stringifyNumbers } from '../files/checkedJson';
import { readRegularText } from '../files/regularFile';
import { type BuiltRun, openRun, RunStore } from '../runs';
import { DataLoader } from '../runs/config/dataConfig';
import type { SweepResults } from './results';

const MEASURING = {
  /** Looks at the first runs of each label only, a whole number >= 1. Default: all. */
  seeds: whole({ min: 1 }),
  /** The store of the runs, or its folder. Default: `data/runs` of the project. */
  store: either(text(), object<RunStore>('a RunStore')),
  /**
   * The name of the measure, and all that its results depend on beside the run: they are then kept in the
   * run's folder, and taken from there if this is the same. For results that are plain JSON. Default:
   * measured each time.
   */
  keep: object<{ readonly name: string; readonly [setting: string]: unknown }>(),
  /** Stops the measurement, with an AbortedError; with `keep`, what was measured until then stays. */
  signal: signal(),
  /** Called after each run with the share that is done. */
  onProgress: callback<(progress: { share: number; runs: string }) => void>(),
};

/** Options of `measureRuns`. */
export type MeasureRunsOptions = OptionsOf<typeof MEASURING>;

/**
 * Opens the runs of some labels with their last weights, one at a time, and keeps what `measure` says of
 * each: by label, in the order of seeds. The model is freed after its turn.
 *
 * @example
 * const measure = ({ model, data }, signal) => mySharpness(model, data.train, { radius: 0.5, signal });
 * const keep = { name: 'mySharpness', radius: 0.5 };
 * const sharpness = await measureRuns(results, ['SAM'], measure, { keep });
 * @throws {OptionError} for an unknown label. {DataError} where a run has no checkpoint. {AbortedError} after
 * `signal`.
 */
export async function measureRuns<T>(
  results: SweepResults,
  labels: readonly string[],
  measure: (run: BuiltRun, signal?: AbortSignal) => Promise<T>,
  options: MeasureRunsOptions = {},
): Promise<Record<string, T[]>> {
  const { seeds, keep, signal, onProgress, store: given } = checkOptions('measureRuns', MEASURING, options);
  const store = given instanceof RunStore ? given : new RunStore(given);
  const rows = labels.flatMap((label) =>
    results
      .of(label)
      .slice(0, seeds)
      .map(({ hash, config }) => ({
        label,
        config,
        file: keep && join(store.runFolder(hash), keptName(keep)),
      })),
  );
  const measured: Record<string, T[]> = Object.fromEntries(labels.map((label) => [label, []]));
  const loader = new DataLoader();
  for (const [i, { label, config, file }] of rows.entries()) {
    throwIfAborted(signal, 'The measurement');
    let value = file === undefined ? undefined : readKept<T>(file);
    if (value === undefined) {
      const run = await openRun(config, store, loader);
      value = { result: await disposing(run, () => measure(run, signal)) };
      if (file !== undefined) {
        const text = stringifyChecked({ ...keep, ...value });
        writeFileAtomic(file, text);
        // The same now as when it is read again.
        value = parseChecked(text) as { result: T };
      }
    }
    measured[label].push(value.result);
    onProgress?.({ share: (i + 1) / rows.length, runs: `${i + 1}/${rows.length}` });
  }
  return measured;
}

/** The name of the file that keeps a measure with these settings. */
function keptName(keep: object & { readonly name: string }): string {
  const settings = createHash('sha256').update(stringifyNumbers(keep)).digest('hex').slice(0, 16);
  return `measure-${keep.name.replace(/[^\w-]/g, '_')}-${settings}.json`;
}

/** What a file keeps, or undefined where it is not there or damaged. */
function readKept<T>(file: string): { result: T } | undefined {
  try {
    const kept = parseChecked(readRegularText(file)) as { result: T };
    return Object.hasOwn(kept, 'result') ? kept : undefined;
  } catch {
    return undefined;
  }
}
