/**
 * Makes a part of the atlas: at each budget, for each share of wrong labels, an equal search for every
 * method.
 */
import { existsSync } from 'node:fs';
import { OptionError } from '../core/errors';
import type { RunResult, RunRow, SweepGrid } from '../runs';
import { minimalConfig } from '../runs/config/config';
import { trainingSize } from '../runs/config/dataConfig';
import { fairSearch, flattenRow, type SearchedResult, summarizeSample } from '../statistics';
import { type AtlasRow, readAtlas, writeAtlas } from './atlas';
import { type StudyMethod, type StudyPart, studyMethods } from './studyParts';

/** What is studied, how it is trained, and where the rows go. */
export interface StudyOptions {
  /** The name of the part. */
  name: string;
  /** The part. */
  part: StudyPart;
  /** Trains grids; `what` says what for. */
  train: (grids: SweepGrid[], what: string) => Promise<readonly RunRow[]>;
  /** The file of the atlas. Rows of other searches stay in it. */
  path: string;
}

/** The searches of a part, in the order in which they are made. */
export function searchesOf(part: StudyPart): { labelNoise: number; gradients: number; chosenAt?: number }[] {
  return part.budgets.flatMap((budget) => part.labelNoise.map((labelNoise) => ({ ...budget, labelNoise })));
}

/**
 * Makes all rows of a part, and writes them after each search, in place of those that the atlas had of it.
 * Runs that are done are not repeated where `train` takes them from a store.
 *
 * @throws As `fairSearch` and `train`; OptionError where a choice is taken over from a later budget;
 * DataError where the atlas is damaged, StorageError where it cannot be written.
 */
export async function makeStudy({ name, part, train, path }: StudyOptions): Promise<AtlasRow[]> {
  for (const [i, { chosenAt }] of part.budgets.entries()) {
    const searched = part.budgets.slice(0, i).flatMap(({ gradients, chosenAt: at }) => at ?? gradients);
    if (chosenAt !== undefined && !searched.includes(chosenAt))
      throw new OptionError('chosenAt', chosenAt, `a budget that comes before it: ${searched.join(', ')}`);
  }
  const before = existsSync(path) ? readAtlas(path) : [];
  const searchOf = (row: Pick<AtlasRow, 'part' | 'budget' | 'labelNoise'>): string =>
    [row.part, row.budget, row.labelNoise].join();
  const all = studyMethods(part);
  const methods = Object.fromEntries(part.methods.map((method) => [method, all[method]])) as typeof all;
  const made: AtlasRow[] = [];
  const choices = new Map<string, Record<StudyMethod, number>>();
  const searches = searchesOf(part);
  for (const [i, { labelNoise, gradients, chosenAt }] of searches.entries()) {
    const where = `${gradients} gradients, ${100 * labelNoise} % wrong labels`;
    const what = `search ${i + 1} of ${searches.length}, ${where}`;
    const found = await fairSearch({
      task: {
        data: { ...part.data, labelNoise },
        model: part.model,
        schedule: 'cosine',
        measures: part.measures,
      },
      ...{ reportOn: part.reportOn, methods, gradients, draws: part.draws, guessing: part.guessing },
      ...{ selectionSeeds: part.selectionSeeds, reportSeeds: part.reportSeeds },
      chosen: choices.get(`${chosenAt}/${labelNoise}`),
      train: (grids, stage) => train(grids, `${what}: ${stage}`),
    });
    const results = Object.entries(found) as [StudyMethod, SearchedResult][];
    const chosen = results.map(([method, { best }]) => [method, best.draw]);
    choices.set(`${gradients}/${labelNoise}`, Object.fromEntries(chosen));
    for (const [method, { draws, best, edges, report }] of results) {
      const place = { part: name, method, labelNoise, budget: gradients };
      for (const { draw, setting, rows } of draws) {
        if (rows.length > 0) made.push({ ...place, stage: 'selection', draw, setting, ...resultsOf(rows) });
      }
      const choice = { draw: best.draw, setting: best.setting, chosenAt: chosenAt ?? gradients, edges };
      made.push({ ...place, stage: 'report', ...choice, ...resultsOf(report) });
    }
    const remade = new Set(made.map(searchOf));
    writeAtlas([...before.filter((row) => !remade.has(searchOf(row))), ...made], path);
  }
  return made;
}

/** What the runs of one setting reached. */
function resultsOf(
  runs: readonly RunRow[],
): Pick<AtlasRow, 'config' | 'seeds' | 'values' | 'gradients' | 'seconds' | 'origin'> {
  const { seed: _, ...config } = runs[0].config;
  const results = runs.map(({ result }) => result!);
  const steps = Math.ceil(trainingSize(config.data) / config.batchSize);
  const meanOf = (value: (result: RunResult) => number): number =>
    rounded(summarizeSample(results.map(value)).mean);
  const { machine, versions } = results[0];
  return {
    config: minimalConfig(config),
    seeds: runs.map((run) => run.config.seed),
    values: valuesOf(runs),
    gradients: meanOf(({ gradientEvaluations }) => gradientEvaluations / steps),
    seconds: meanOf(({ seconds }) => seconds),
    origin: {
      cpu: machine.cpu,
      native: versions.native,
      node: versions.node,
      tfjs: versions.tfjs,
      code: versions.code ?? '',
    },
  };
}

function valuesOf(runs: readonly RunRow[]): AtlasRow['values'] {
  const rows = runs.map(flattenRow);
  const column = (name: string): number[] => rows.map((row) => Number(row[name] ?? Number.NaN));
  const names = [...new Set(runs.flatMap(({ result }) => Object.keys(result?.measures ?? {})))];
  const values: Record<string, number[]> = { testError: column('testError') };
  const at = names.find((name) => name.startsWith('sharpness@'))?.slice('sharpness@'.length);
  if (at !== undefined) {
    const sharpness = column(`sharpness@${at}`);
    values.testLoss = column('testLoss');
    values.trainLoss = column(`perturbedLoss@${at}`).map((loss, i) => loss - sharpness[i]);
  }
  for (const name of names) if (!name.startsWith('perturbedLoss@')) values[name] = column(name);
  return Object.fromEntries(Object.entries(values).map(([name, list]) => [name, list.map(rounded)]));
}

/** A number as the atlas keeps it: six digits, which is what single precision has, nearly. */
export function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
