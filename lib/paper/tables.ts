/**
 * The runs of the paper's tables.
 *
 *     generalization    CIFAR-10 and CIFAR-100, ResNet-34 and ResNet-50: all methods with all their settings
 *     noise             the same runs: accuracy under Gaussian noise on their weights
 *     ablation          of the same runs those of SAM, Multistep and Lookbehind (also over ASAM): k, alpha
 *     lifelong          Split CIFAR-100 and Split TinyImageNet, without and with experience replay
 *
 * All networks that learn one task are trained and measured in one way, so that tables share their runs: who
 * has one has most of the others.
 */

import { checkOneOf } from '../core/errors';
import { METHODS, type Method } from '../core/methods';
import { expandGrid, type FullRunConfig, type SweepGrid } from '../runs';
import {
  listOf,
  PAPER,
  type PaperMethodName,
  type PaperSizes,
  paperMeasures,
  paperSequence,
  paperSettings,
  paperTask,
  sizesInForce,
} from './settings';

/** The tables that can be made. */
export const PAPER_TABLES = ['generalization', 'noise', 'lifelong', 'ablation'] as const;

/** A table of the paper. */
export type PaperTable = (typeof PAPER_TABLES)[number];

/** Behind the labels of runs with experience replay. */
export const REPLAY = ', replay';

const LIFELONG_METHODS: readonly PaperMethodName[] = ['sgd', 'sam', 'multistepSAM', 'lookbehindSAM'];

/**
 * The runs of a table: a grid for each setting of a method on each data set, named by its label.
 *
 * @throws OptionError
 */
export function paperGrids(table: PaperTable, given: PaperSizes = {}): SweepGrid[] {
  checkOneOf('table', table, PAPER_TABLES);
  const sizes = sizesInForce(given);
  return table === 'lifelong' ? lifelongGrids(sizes) : singleTaskGrids(table, sizes);
}

/** The runs of a table, one by one. Errors as for `paperGrids`. */
export function paperRuns(table: PaperTable, sizes: PaperSizes = {}): FullRunConfig[] {
  return paperGrids(table, sizes).flatMap(expandGrid);
}

function singleTaskGrids(table: PaperTable, sizes: PaperSizes): SweepGrid[] {
  const hasAscents = ({ rule, steps }: Method): boolean => rule !== null && steps !== 'lookahead';
  const methods = paperSettings(sizes).filter(
    ({ method }) => table !== 'ablation' || hasAscents(METHODS[method]),
  );
  return listOf(sizes.data, PAPER.data).flatMap((data) =>
    methods.map(({ label, optimizer }) => ({
      ...paperTask(data, sizes),
      label,
      optimizer,
      measures: paperMeasures(sizes),
      seeds: sizes.seeds ?? PAPER.seeds,
    })),
  );
}

function lifelongGrids(sizes: PaperSizes): SweepGrid[] {
  return listOf(sizes.data, PAPER.lifelong.data).flatMap((data) =>
    [false, true].flatMap((replay) =>
      paperSettings(
        { methods: LIFELONG_METHODS, ...sizes },
        { learningRate: PAPER.lifelong.learningRate[data] },
      ).map(({ label, optimizer }) => ({
        ...paperSequence(data, sizes, replay),
        label: `${label}${replay ? REPLAY : ''}`,
        optimizer,
        seeds: sizes.seeds ?? PAPER.seeds,
      })),
    ),
  );
}
