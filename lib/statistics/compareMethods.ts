/**
 * Methods compared in three protocols, as one of them seldom decides which is better:
 *
 *     shared           one learning rate for all
 *     tuned            for each the best of some rates, tried on the selection set with seeds of their own
 *     equal gradients  the tuned rates, and for each as many epochs as a number of gradients per training
 *                      sample allows
 */

import { checkNumber, OptionError } from '../core/errors';
import { gradientsPerBatch, type OptimizerConfig, type SweepGrid, sweep } from '../runs';
import { type Schedule, stretchSchedule } from '../training/schedule';
import { bestSettings } from './bestSettings';
import { type LabelStyle, SweepResults } from './results';

/** What all runs of a comparison have in common. */
export type ComparedTask = Omit<
  SweepGrid,
  'optimizer' | 'label' | 'seed' | 'seeds' | 'epochs' | 'data' | 'schedule'
> & {
  /** What to train and evaluate on. */
  data: Extract<SweepGrid['data'], { kind: unknown }>;
  /** Those of the shared and of the tuned protocol. */
  epochs: number;
  /** What the learning rate is multiplied by, stretched where there are other epochs. Default constant. */
  schedule?: Schedule | Exclude<Schedule['kind'], 'multiStep'>;
};

/** Options of `compareMethods`. */
export interface CompareMethodsOptions {
  /**
   * The data need a selection set: `evaluateOn: 'selection'`. Its measures are taken where runs have these
   * epochs.
   */
  task: ComparedTask;
  /** The methods to compare at a learning rate, by label; the same labels at each. */
  methods: (learningRate: number) => Readonly<Record<string, OptimizerConfig>>;
  /** The learning rate of the shared protocol. */
  sharedRate: number;
  /** The learning rates that are tried for a method. */
  rates: (label: string) => readonly number[];
  /** Seeds of what is compared: a list, or how many, from 0. */
  seeds: number | readonly number[];
  /** Seeds of the tuning; best others than `seeds`. */
  tuningSeeds: readonly number[];
  /** Gradients per training sample where all have equally many. A number > 0. Default 2 per epoch: SAM's. */
  gradients?: number;
  /** Trains grids; `what` says in a few words what for. Default: `sweep` with its own defaults. */
  train?: (grids: SweepGrid[], what: string) => Promise<SweepResults>;
}

/** What `compareMethods` found. */
export interface MethodComparison {
  /** Labels of the methods. */
  labels: string[];
  /** At the shared learning rate. */
  shared: SweepResults;
  /** Each method at its own. */
  tuned: SweepResults;
  /** Each method at its own, all with equally many gradients. */
  equalGradients: SweepResults;
  /** These three by their names, in this order: for the columns of a table, or the panels of a figure. */
  protocols: Readonly<Record<'Shared rate' | 'Tuned rate' | 'Equal gradients', SweepResults>>;
  /** The learning rate that was chosen for each method. */
  rates: Readonly<Record<string, number>>;
  /** Each method with its chosen rate. */
  optimizers: Readonly<Record<string, OptimizerConfig>>;
  /** Gradients that each method takes per batch. */
  costs: Readonly<Record<string, number>>;
  /**
   * What the tuning saw: error in per cent on the selection set over the learning rate, for `figures.curves`.
   */
  tuning: (LabelStyle & { x: number[]; runs: number[][] })[];
}

/**
 * Trains methods in three protocols, paired by seed.
 *
 * @throws OptionError for a wrong configuration, and if all rates that were tried for a method diverge. Else
 * as `train`.
 */
export async function compareMethods(options: CompareMethodsOptions): Promise<MethodComparison> {
  const { task, methods, sharedRate, rates, seeds, tuningSeeds, gradients = 2 * task.epochs } = options;
  const { train: trainGrids = async (grids: SweepGrid[]) => new SweepResults(await sweep(grids)) } = options;
  checkNumber('gradients', gradients, { min: 0, exclusiveMin: true });
  const shared = methods(sharedRate);
  const labels = Object.keys(shared);
  const costs = mapped(labels, (label) => gradientsPerBatch(shared[label]));
  /** Trains for several protocols in one go, so that no core waits for the end of each. */
  const train = (what: string, parts: Record<string, SweepGrid[]>): Promise<SweepResults> => {
    const all = Object.entries(parts).flatMap(([part, runs]) =>
      runs.map((run) => ({ ...run, label: `${part}: ${run.label}` })),
    );
    return trainGrids(all, what);
  };
  const grids = (
    of: Readonly<Record<string, OptimizerConfig>>,
    epochs = (_label: string): number => task.epochs,
  ): SweepGrid[] =>
    labels.map((label) => ({ ...withEpochs(task, epochs(label)), label, optimizer: of[label], seeds }));

  const trials = labels.map((label): SweepGrid => {
    const optimizer = rates(label).map((rate) => optimizerAt(methods(rate), label));
    return {
      ...untilTheEnd(task),
      data: { ...task.data, evaluateOn: 'selection' },
      label,
      optimizer,
      seeds: tuningSeeds,
    };
  });
  const first = await train('shared rate, tuning', { shared: grids(shared), tuning: trials });
  const tried = first.part('tuning: ');
  const chosen = bestSettings(tried.rows).map(({ group, best, settings }) => ({
    label: String(group.label),
    rate: rates(String(group.label))[settings.indexOf(best)],
    errors: settings.map(({ values }) => values),
  }));
  const rateOf = Object.fromEntries(chosen.map(({ label, rate }) => [label, rate]));
  const optimizers = mapped(labels, (label) => optimizerAt(methods(rateOf[label]), label));
  const affordable = (label: string): number => Math.max(1, Math.round(gradients / costs[label]));
  const second = await train('tuned rate, equal gradients', {
    tuned: grids(optimizers),
    equal: grids(optimizers, affordable),
  });
  const protocols = {
    'Shared rate': first.part('shared: '),
    'Tuned rate': second.part('tuned: '),
    'Equal gradients': second.part('equal: '),
  };
  return {
    labels,
    shared: protocols['Shared rate'],
    tuned: protocols['Tuned rate'],
    equalGradients: protocols['Equal gradients'],
    protocols,
    rates: rateOf,
    optimizers,
    costs,
    tuning: chosen.map(({ label, errors }) => ({
      ...tried.style(label),
      x: [...rates(label)],
      runs: tuningSeeds.map((_, seed) => errors.map((values) => values[seed])),
    })),
  };
}

/**
 * The task for other epochs: its schedule is stretched or shortened with them, it is evaluated at the end
 * alone, and nothing is measured. For its own epochs the task as it is.
 *
 * @param epochs A whole number, at least 1.
 */
export function withEpochs(task: ComparedTask, epochs: number): ComparedTask {
  checkNumber('epochs', epochs, { min: 1, integer: true });
  if (epochs === task.epochs) return task;
  const { schedule } = task;
  const stretched =
    typeof schedule === 'object' ? { schedule: stretchSchedule(schedule, epochs / task.epochs) } : {};
  return { ...untilTheEnd(task), ...stretched, epochs, evaluateEvery: epochs };
}

function untilTheEnd(task: ComparedTask): ComparedTask {
  return { ...task, evaluateEvery: task.epochs, measures: [] };
}

function optimizerAt(methods: Readonly<Record<string, OptimizerConfig>>, label: string): OptimizerConfig {
  if (!Object.hasOwn(methods, label))
    throw new OptionError('methods', Object.keys(methods), `the same labels at all rates, also ${label}`);
  return methods[label];
}

function mapped<T>(labels: readonly string[], value: (label: string) => T): Record<string, T> {
  return Object.fromEntries(labels.map((label) => [label, value(label)]));
}
