/**
 * The experiments of the paper as configurations, in one place: for the notebooks' profile `paper` and for
 * `npm run reproduce`.
 *
 * Training is that of the paper's code (https://github.com/chandar-lab/Lookbehind-SAM, example_cifar.py): SGD
 * with learning rate .1, momentum .9 and weight decay 5e-4, batches of 128, 200 epochs, the rate times .1 at
 * epochs 50, 100 and 150, random crops and flips; rho .05 for SAM, .5 for ASAM with eta .01; k from 2, 5, 10,
 * alpha from .2, .5, .8 or adaptive.
 *
 * That code has neither noise nor lifelong learning, so that the settings of these are this library's. Noise:
 * levels and draws below, BatchNorm's statistics once kept, once estimated anew. Tasks: 20, with classes in
 * random order, a ResNet-18 of width 20, ten epochs each in batches of 10, and a memory of 200 samples
 * (TinyImageNet: 400), as the line of work has them that the paper builds on: Mirzadeh et al., NeurIPS 2020,
 * arXiv:2006.06958; Gupta, Yadav and Paull, NeurIPS 2020, arXiv:2007.13904.
 */

import { checkOneOf, OptionError } from '../core/errors';
import { METHODS, type Method } from '../core/methods';
import {
  checkFields,
  checkOptions,
  type Option,
  type OptionsOf,
  oneOf,
  option,
  text,
  where,
  whole,
} from '../core/options';
import type {
  DataConfig,
  LifelongConfig,
  MeasureConfig,
  ModelConfig,
  OptimizerConfig,
  SweepGrid,
} from '../runs';
import { METHODS_OVER_SGD, type MethodOverSGD, optimizerOf } from '../runs/paperMethods';
import { stretchMilestones } from '../training/schedule';

/** Settings of the paper. Those of noise and lifelong learning are this library's. */
export const PAPER = {
  data: ['cifar10', 'cifar100'],
  depths: [34, 50],
  epochs: 200,
  batchSize: 128,
  sgd: { learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4 },
  /** Epochs at which the learning rate is multiplied by .1. */
  milestones: [50, 100, 150],
  sam: { rho: 0.05 },
  asam: { rho: 0.5, eta: 0.01 },
  k: [2, 5, 10],
  alpha: [0.2, 0.5, 0.8, 'adaptive'],
  seeds: 3,
  /** Standard deviations of the noise, relative to each weight, and how often each is drawn. */
  noise: { sigmas: [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3], draws: 10 },
  /**
   * Radii at which the loss is measured after one step of ascent on the training set, m samples at a time.
   */
  sharpness: { radii: [0.05, 0.1, 0.2, 0.5], m: 128 },
  lifelong: {
    data: ['cifar100', 'tinyImageNet'],
    model: { kind: 'resNet', depth: 18, width: 20 },
    tasks: 20,
    epochs: 10,
    batchSize: 10,
    /** By data set: samples that experience replay keeps, and the learning rate. */
    memory: { cifar10: 200, cifar100: 200, tinyImageNet: 400 },
    learningRate: { cifar10: 0.03, cifar100: 0.03, tinyImageNet: 0.01 },
  },
} as const;

/** Data sets of the paper's kind. */
export type PaperData = 'cifar10' | 'cifar100' | 'tinyImageNet';

/** Names of the data sets. */
export const PAPER_DATA: readonly PaperData[] = ['cifar10', 'cifar100', 'tinyImageNet'];

/** A method of the paper's tables; whether alpha is adaptive is one of its settings. */
export type PaperMethodName = Exclude<
  MethodOverSGD,
  'lookahead' | 'lookbehindSAMAdaptive' | 'lookbehindASAMAdaptive'
>;

/**
 * Names of the methods: first SGD, then those over SAM, then those over ASAM, each from simple to elaborate.
 */
export const PAPER_METHODS = METHODS_OVER_SGD.filter(
  (name): name is PaperMethodName => !/^(lookahead|.*Adaptive)$/.test(name),
);

const SIZES = {
  /** Data sets. Default: CIFAR-10 and CIFAR-100; in lifelong learning CIFAR-100 and TinyImageNet. */
  data: oneOrMore(oneOf(PAPER_DATA)),
  /** A folder with files of one's own in the format of the data. Default: the published data. */
  folder: text(),
  /** Networks. Default: ResNet-34 and ResNet-50; in lifelong learning a ResNet-18 of width 20. */
  models: oneOrMore(where<ModelConfig>('other', 'the configuration of a network', () => true)),
  /** Methods. Default: all; in lifelong learning SGD, SAM, Multistep-SAM and Lookbehind-SAM. */
  methods: oneOrMore(oneOf(PAPER_METHODS)),
  /** Training samples. Default: all. */
  samples: whole({ min: 1 }),
  /**
   * Epochs (of each task). The milestones of the learning rate move in proportion. Default 200; 10 in
   * lifelong learning.
   */
  epochs: whole({ min: 1 }),
  /** Samples per step. Default 128; 10 in lifelong learning. */
  batchSize: whole({ min: 1 }),
  /** Seeds: a list, or how many. Default 3. */
  seeds: oneOrMore(whole()),
  /** Inner steps that are tried. Default 2, 5, 10. */
  k: oneOrMore(whole({ min: 1 })),
  /** Shares of the fast weights that are tried. Default .2, .5, .8, adaptive. */
  alpha: oneOrMore(
    where<number | 'adaptive'>(
      'other',
      'a number >= 0 and <= 1, or "adaptive"',
      (value) => value === 'adaptive' || (typeof value === 'number' && value >= 0 && value <= 1),
    ),
  ),
  /** Draws of the noise per level. Default 10. */
  draws: whole({ min: 1 }),
  /** Tasks of lifelong learning, by which the number of classes can be divided. Default 20. */
  tasks: whole({ min: 1 }),
  /** Samples that experience replay keeps. Default 200; TinyImageNet: 400. */
  memory: whole({ min: 0 }),
};

/** A value, or a list of at least one. */
function oneOrMore<T>(item: Option<T>) {
  return option<T | readonly T[]>('other', item.allowed, (path, value, form) => {
    if (!Array.isArray(value)) return item.check(path, value, form);
    if (value.length === 0) throw new OptionError(path, value, 'a list of at least one value');
    return value.map((one) => item.check(path, one, form));
  });
}

/**
 * Sizes in place of the paper's. Everything else stays. A single value stands for a list of one. Those of the
 * environment variable LB_PAPER_SIZES, a JSON object, go over all others.
 */
export type PaperSizes = OptionsOf<typeof SIZES>;

/** A grid of runs that lacks optimizer and seeds. */
export type PaperGrid = Omit<SweepGrid, 'optimizer' | 'seed' | 'seeds'>;

/** A setting of a method that is tried. */
export interface PaperSetting {
  /** The method. */
  method: PaperMethodName;
  /** Name and setting: `Lookbehind-SAM, k = 2, α = 0.5`. */
  label: string;
  /** The optimizer of a run. */
  optimizer: OptimizerConfig;
}

/**
 * Sizes in force, checked: those of the environment variable LB_PAPER_SIZES, a JSON object, go over the given
 * ones. So a notebook can be rehearsed in the profile `paper`.
 */
export function sizesInForce(given: PaperSizes): PaperSizes {
  checkOptions('sizes', SIZES, given);
  const json = process.env.LB_PAPER_SIZES;
  if (!json) return given;
  let sizes: unknown;
  try {
    sizes = JSON.parse(json);
  } catch (error) {
    throw new OptionError('LB_PAPER_SIZES', json, 'a JSON object', (error as Error).message);
  }
  return { ...given, ...checkFields('', sizes, SIZES, 'minimal', 'LB_PAPER_SIZES') };
}

/** A value, or a list of them, as a list. */
export function listOf<T>(value: T | readonly T[] | undefined, preset: readonly T[]): readonly T[] {
  if (value === undefined) return preset;
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** One value as it is, so that callers can change its fields; several as a list. */
function oneOrAll<T>(values: readonly T[]): T | readonly T[] {
  return values.length === 1 ? values[0] : values;
}

/**
 * How the paper trains on a data set: a grid that lacks optimizer and seeds, and has no measures.
 *
 * @throws OptionError
 */
export function paperTask(data: PaperData, given: PaperSizes = {}): PaperGrid {
  checkOneOf('data', data, PAPER_DATA);
  const sizes = sizesInForce(given);
  const { epochs = PAPER.epochs, batchSize = PAPER.batchSize } = sizes;
  const published = PAPER.depths.map((depth): ModelConfig => ({ kind: 'resNet', depth }));
  return {
    profile: 'paper',
    data: dataOf(data, sizes),
    model: oneOrAll(listOf(sizes.models, published)),
    epochs,
    batchSize,
    schedule: {
      kind: 'multiStep',
      milestones: stretchMilestones(PAPER.milestones, epochs / PAPER.epochs),
      gamma: 0.1,
    },
    augmentation: 'cropAndFlip',
  };
}

/**
 * How a sequence of tasks made of a data set is learned: a grid that lacks optimizer and seeds. The classes
 * of a task have a head of their own.
 *
 * @param replay Whether a memory of samples is replayed. Default false.
 * @throws OptionError
 */
export function paperSequence(data: PaperData, given: PaperSizes = {}, replay = false): PaperGrid {
  checkOneOf('data', data, PAPER_DATA);
  const sizes = sizesInForce(given);
  const { model, memory: memories, ...preset } = PAPER.lifelong;
  const {
    epochs = preset.epochs,
    batchSize = preset.batchSize,
    tasks = preset.tasks,
    memory = memories[data],
  } = sizes;
  const split: LifelongConfig = { kind: 'split', tasks, classOrder: 'random' };
  return {
    profile: 'paper',
    data: dataOf(data, sizes),
    model: oneOrAll(listOf(sizes.models, [model])),
    lifelong: replay ? { ...split, replay: memory } : split,
    epochs,
    batchSize,
  };
}

/**
 * The methods with all settings that are tried, in the order of `PAPER_METHODS`.
 *
 * @param sgd Options of the base optimizer. Default: the paper's.
 */
export function paperSettings(
  sizes: Pick<PaperSizes, 'k' | 'alpha' | 'methods'> = {},
  sgd: { learningRate: number; momentum?: number; weightDecay?: number } = PAPER.sgd,
): PaperSetting[] {
  checkOptions('sizes', SIZES, sizes);
  const { sam, asam } = PAPER;
  const alphas = listOf(sizes.alpha, PAPER.alpha);
  const fixed = alphas.filter((share) => share !== 'adaptive');
  const none = [undefined];
  const chosen = listOf(sizes.methods, PAPER_METHODS);
  return PAPER_METHODS.filter((method) => chosen.includes(method)).flatMap((method) => {
    const { label, steps }: Method = METHODS[method];
    const shares = steps === 'lookahead' ? fixed : steps === 'lookbehind' ? alphas : none;
    return (steps === 'single' ? none : listOf(sizes.k, PAPER.k)).flatMap((k) =>
      shares.map((alpha): PaperSetting => {
        const told = [
          ...(k === undefined ? [] : [`k = ${k}`]),
          ...(alpha === undefined ? [] : [inWords(alpha)]),
        ];
        const optimizer = optimizerOf(method, { sgd, sam, asam, k, alpha });
        return { method, label: [label, ...told].join(', '), optimizer };
      }),
    );
  });
}

function inWords(alpha: number | 'adaptive'): string {
  return alpha === 'adaptive' ? 'α adaptive' : `α = ${alpha}`;
}

/**
 * What every network that learned one task is measured by: accuracy under noise on its weights, and
 * sharpness.
 */
export function paperMeasures({
  draws = PAPER.noise.draws,
}: Pick<PaperSizes, 'draws'> = {}): MeasureConfig[] {
  const { noise, sharpness } = PAPER;
  return [
    { kind: 'noisyAccuracy', sigmas: [...noise.sigmas], draws, batchNorm: ['keep', 'estimate'] },
    { kind: 'sharpness', radii: [...sharpness.radii], m: sharpness.m },
  ];
}

function dataOf(kind: PaperData, { folder, samples }: PaperSizes): DataConfig {
  return {
    kind,
    standardize: true,
    ...(folder === undefined ? {} : { folder }),
    ...(samples === undefined ? {} : { trainSize: samples }),
  };
}
