/**
 * Makes a part of the atlas: at each budget, for each share of wrong labels, an equal search for every
 * method.
 *
 *     a budget                   tries all draws of every method
 *     a budget with finalistsOf  tries the best third of what was tried at that budget, of every method
 */
import { existsSync } from 'node:fs';
import { OptionError } from '../core/errors';
import type { RunResult, RunRow, SweepGrid } from '../runs';
import { minimalConfig } from '../runs/config/config';
import { trainingSize } from '../runs/config/dataConfig';
import {
  fairSearch,
  flattenRow,
  type SearchedDraw,
  type SearchedResult,
  summarizeSample,
} from '../statistics';
import { type AtlasRow, readAtlas, writeAtlas } from './atlas';
import { type StudyBudget, type StudyMethod, type StudyPart, studyMethods } from './studyParts';

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

/** A search: a budget with a share of wrong labels. */
export type StudySearch = Omit<StudyBudget, 'labelNoise'> & { labelNoise: number };

/** The searches of a part, in the order in which they are made. */
export function searchesOf(part: StudyPart): StudySearch[] {
  return part.budgets.flatMap((budget) =>
    (budget.labelNoise ?? part.labelNoise).map((labelNoise) => ({ ...budget, labelNoise })),
  );
}

/** How many draws of a method are tried at one of the budgets of a part. */
export function triedCount(part: StudyPart, gradients: number): number {
  const { finalistsOf } = part.budgets.find((budget) => budget.gradients === gradients)!;
  return finalistsOf === undefined ? part.draws : finalistCount(triedCount(part, finalistsOf));
}

/** How many of the draws that were tried at a budget reach the one whose finalists they are. */
export function finalistCount(tried: number): number {
  return Math.ceil(tried / 3);
}

/**
 * Makes all rows of a part, and writes them after each search, in place of those that the atlas had of it.
 * Runs that are done are not repeated where `train` takes them from a store.
 *
 * @throws As `fairSearch` and `train`; OptionError where finalists come from a budget that is not before;
 * DataError where the atlas is damaged, StorageError where it cannot be written.
 */
export async function makeStudy({ name, part, train, path }: StudyOptions): Promise<AtlasRow[]> {
  const searches = searchesOf(part);
  for (const [i, { finalistsOf, labelNoise }] of searches.entries()) {
    const before = searches.slice(0, i).filter((search) => search.labelNoise === labelNoise);
    const budgets = before.map(({ gradients }) => gradients);
    if (finalistsOf !== undefined && !budgets.includes(finalistsOf)) {
      const allowed = `a budget before it with as many wrong labels: ${budgets.join(', ')}`;
      throw new OptionError('finalistsOf', finalistsOf, allowed);
    }
  }
  const before = existsSync(path) ? readAtlas(path) : [];
  const searchOf = (row: Pick<AtlasRow, 'part' | 'budget' | 'labelNoise'>): string =>
    [row.part, row.budget, row.labelNoise].join();
  const all = studyMethods(part);
  const methods = Object.fromEntries(part.methods.map((method) => [method, all[method]])) as typeof all;
  const made: AtlasRow[] = [];
  /** Of each search, by budget and share of wrong labels, the finalists. */
  const best = new Map<string, Record<StudyMethod, number[]>>();
  for (const [i, { labelNoise, gradients, finalistsOf }] of searches.entries()) {
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
      finalists: best.get(`${finalistsOf}/${labelNoise}`),
      train: (grids, stage) => train(grids, `${what}: ${stage}`),
    });
    const results = Object.entries(found) as [StudyMethod, SearchedResult][];
    const finalists = results.map(([method, { draws }]) => [
      method,
      bestOf(draws, finalistCount(draws.length)),
    ]);
    best.set(`${gradients}/${labelNoise}`, Object.fromEntries(finalists));
    for (const [method, { draws, best: chosen, edges, report }] of results) {
      const place = { part: name, method, labelNoise, budget: gradients };
      for (const { draw, setting, rows } of draws)
        made.push({ ...place, stage: 'selection', draw, setting, ...resultsOf(rows) });
      const { draw, setting } = chosen;
      made.push({ ...place, stage: 'report', draw, setting, edges, ...resultsOf(report) });
    }
    const remade = new Set(made.map(searchOf));
    writeAtlas([...before.filter((row) => !remade.has(searchOf(row))), ...made], path);
  }
  return made;
}

/** The numbers of the draws with the least error, those first that were drawn first where it is equal. */
function bestOf(draws: readonly SearchedDraw[], count: number): number[] {
  const inOrder = [...draws].sort((a, b) => a.error - b.error || a.draw - b.draw);
  return inOrder.slice(0, count).map(({ draw }) => draw);
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
