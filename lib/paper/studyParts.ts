/**
 * The parts of the study that makes the atlas: which optimizer is the best at which budget, on which data,
 * with how many wrong labels, and with which k and rho. Each part is described here in full, and
 * data/atlas/README.md says how it was made.
 */
import type { MethodName } from '../core/methods';
import type { DataConfig, MeasureConfig, ModelConfig, OptimizerConfig } from '../runs';
import type { SearchedMethod, SearchRange } from '../statistics';

/** How the methods are compared at one budget. */
export interface StudyBudget {
  /** Gradients per training sample. */
  gradients: number;
  /** A budget that comes before it: only the best third of what was tried there, of each method, is tried. */
  finalistsOf?: number;
  /** Shares of training samples with a wrong label. Default: those of the part. */
  labelNoise?: readonly number[];
}

/** A part of the study. */
export interface StudyPart {
  /** Data and network in words. */
  title: string;
  /** What to train on. The choice is made on its `selection` set. */
  data: DataConfig;
  /** The set that is reported on. */
  reportOn: 'test' | 'freshTest';
  /** What to train. */
  model: ModelConfig;
  /** Shares of training samples with a wrong label. */
  labelNoise: readonly number[];
  /** Budgets, in the order in which they are made. */
  budgets: readonly StudyBudget[];
  /** The methods. */
  methods: readonly StudyMethod[];
  /** Range of the radius. That of ASAM, in rescaled weights, is five times as large. Default 0.01 to 1. */
  radius?: readonly [number, number];
  /** Settings that are drawn for each method, at each budget and label noise. */
  draws: number;
  /** Seeds of the choice. */
  selectionSeeds: readonly number[];
  /** Seeds of what is reported. */
  reportSeeds: readonly number[];
  /**
   * What is measured of what is reported, beside losses and error. The sharpness is needed: it has the loss
   * at the last weights.
   */
  measures: readonly MeasureConfig[];
  /** Error of guessing, in per cent: what a run that diverged counts for in the choice. */
  guessing: number;
}

/** The methods of the study. */
const METHODS = [
  'sgd',
  'lookahead',
  'sam',
  'asam',
  'multistepSAM',
  'lookbehindSAM',
  'lookbehindSAMAdaptive',
  'lookbehindASAM',
  'lookbehindASAMAdaptive',
  'repeatedSAM',
  'straightSAM',
] as const satisfies readonly MethodName[];

/** A method of the study. */
export type StudyMethod = (typeof METHODS)[number];

/** Base optimizer of all methods but for the learning rate, as in the paper. */
const BASE = { momentum: 0.9, weightDecay: 5e-4 };
/**
 * A fixed alpha is a factor of the learning rate, so only their product is searched. Weight decay at the fast
 * weights is all that differs.
 */
const ALPHA = 0.5;
/** Fast steps of Lookahead, one per batch. */
const FAST_STEPS = 5;

/**
 * What is searched, in the same range for every method that has it:
 *
 *     step      length of the step on the weights that a batch makes, in gradients:
 *               learningRate;  Lookahead: alpha learningRate
 *               Lookbehind and its controls: k alpha learningRate, adaptive with alpha = 1
 *     radius    mean distance of the points whose gradients descend:
 *               rho;  Multistep-SAM: k rho;  Lookbehind, its controls: (k + 1) / 2 rho
 */
const STEP = [0.03, 1.5] as const;
const RADIUS = [0.01, 1] as const;
/** In rescaled weights: five times that of SAM. */
const ASAM = 5;
const K: SearchRange = { of: [2, 5] };

/** Where methods are searched. */
export interface StudySpace extends Pick<StudyPart, 'radius'> {
  /** Range of the step, of all methods. Default 0.03 to 1.5. */
  step?: readonly [number, number];
  /** The base optimizer but for its learning rate. Default: momentum 0.9 and weight decay 5e-4. */
  base?: { momentum?: number; weightDecay?: number };
}

/** What is searched of each method, and what optimizer that makes. */
export function studyMethods({
  radius: [least, most] = RADIUS,
  step: steps = STEP,
  base: rest = BASE,
}: StudySpace): Record<StudyMethod, SearchedMethod> {
  const step: SearchRange = { log: steps };
  const radius: SearchRange = { log: [least, most] };
  const ofAsam: SearchRange = { log: [ASAM * least, ASAM * most] };
  const lookbehind = (
    kind: 'lookbehindSAM' | 'lookbehindASAM' | 'repeatedSAM' | 'straightSAM',
    range: SearchRange,
    alpha: number | 'adaptive' = ALPHA,
  ): SearchedMethod => ({
    ranges: { step, radius: range, k: K },
    optimizer: ({ step, radius, k }): OptimizerConfig => {
      const learningRate = rounded(step / (k * (alpha === 'adaptive' ? 1 : alpha)));
      return { kind, k, rho: rounded((2 * radius) / (k + 1)), alpha, ...rest, learningRate };
    },
  });
  const single = (kind: 'sam' | 'asam', range: SearchRange): SearchedMethod => ({
    ranges: { step, radius: range },
    optimizer: ({ step, radius }) => ({ kind, rho: radius, ...rest, learningRate: step }),
  });
  return {
    sgd: {
      ranges: { step },
      optimizer: ({ step }) => ({ kind: 'sgd', ...rest, learningRate: step }),
    },
    lookahead: {
      ranges: { step, alpha: { of: [0.5, 0.8] } },
      optimizer: ({ step, alpha }) => {
        const base: OptimizerConfig = { kind: 'sgd', ...rest, learningRate: rounded(step / alpha) };
        return { kind: 'lookahead', k: FAST_STEPS, alpha, base };
      },
    },
    sam: single('sam', radius),
    asam: single('asam', ofAsam),
    multistepSAM: {
      ranges: { step, radius, k: K },
      optimizer: ({ step, radius, k }) => ({
        kind: 'multistepSAM',
        k,
        rho: rounded(radius / k),
        ...rest,
        learningRate: step,
      }),
    },
    lookbehindSAM: lookbehind('lookbehindSAM', radius),
    lookbehindSAMAdaptive: lookbehind('lookbehindSAM', radius, 'adaptive'),
    lookbehindASAM: lookbehind('lookbehindASAM', ofAsam),
    lookbehindASAMAdaptive: lookbehind('lookbehindASAM', ofAsam, 'adaptive'),
    repeatedSAM: lookbehind('repeatedSAM', radius),
    straightSAM: lookbehind('straightSAM', radius),
  };
}

/** Readable, so that a configuration can be written down. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

/** What the parts have in common. */
const COMMON = {
  reportOn: 'test',
  labelNoise: [0, 0.4, 0.2],
  budgets: [{ gradients: 30 }, { gradients: 90 }, { gradients: 15 }, { gradients: 270, finalistsOf: 90 }],
  draws: 24,
  selectionSeeds: from(100, 2),
  reportSeeds: from(0, 10),
  measures: [{ kind: 'sharpness', radii: [0.1, 0.5, 1] }],
  guessing: 90,
} satisfies Partial<StudyPart>;

/** Accuracy with noise on the weights, of MLPs: they are tested in a moment. */
const NOISY_ACCURACY = { kind: 'noisyAccuracy', sigmas: [0.1, 0.2], draws: 10 } satisfies MeasureConfig;

/** All but two: those that MNIST-1D has. */
const NINE = METHODS.filter((method) => !['lookbehindASAMAdaptive', 'straightSAM'].includes(method));

/** The budgets of ConvNets, whose steps take longer. */
const CONVNET_BUDGETS = [{ gradients: 30 }, { gradients: 90, finalistsOf: 30 }, { gradients: 15 }];

/** Signals, of which a fresh test set is drawn. */
const MNIST1D = { data: { kind: 'mnist1d' }, reportOn: 'freshTest' } satisfies Partial<StudyPart>;

/**
 * Clothes of Debian's package dataset-fashion-mnist, averaged over 2 x 2 pixels, and how much is searched on
 * them.
 */
const FASHION_MNIST = {
  data: { kind: 'fashionMnist', folder: '/usr/share/datasets/fashion-mnist', pool: 2 },
  model: { kind: 'convNet', filters: [8, 16] },
  draws: 8,
  selectionSeeds: [100],
} satisfies Partial<StudyPart>;

/** The parts by name. */
export const STUDY = {
  /** About three hours of one core. */
  'mnist1d-mlp': {
    ...COMMON,
    ...MNIST1D,
    title: 'MNIST-1D, MLP',
    model: { kind: 'mlp', hidden: [100, 100] },
    methods: NINE,
    radius: [0.03, 1],
    measures: [...COMMON.measures, NOISY_ACCURACY],
  },
  /** About six hours of one core. */
  'mnist1d-convnet': {
    ...COMMON,
    ...MNIST1D,
    budgets: [...CONVNET_BUDGETS, { gradients: 270, finalistsOf: 90 }],
    title: 'MNIST-1D, ConvNet',
    model: { kind: 'convNet', filters: [16, 32] },
    methods: NINE,
  },
  /** About an hour and a half of one core. */
  digits: {
    ...COMMON,
    title: 'Digits, MLP',
    data: { kind: 'digits' },
    model: { kind: 'mlp', hidden: [64, 64] },
    methods: METHODS,
    selectionSeeds: from(100, 3),
    measures: [...COMMON.measures, NOISY_ACCURACY],
  },
  /** About eight hours of one core: a tenth of the images, with fewer draws. */
  'fashion-mnist': {
    ...COMMON,
    ...FASHION_MNIST,
    budgets: [...CONVNET_BUDGETS, { gradients: 270, finalistsOf: 30, labelNoise: [0, 0.4] }],
    title: 'Fashion-MNIST 6,000, ConvNet',
    data: { ...FASHION_MNIST.data, trainSize: 6000 },
    methods: NINE,
  },
  /** About an hour of one core that nothing shares: all images, fewer methods, the shortest budget. */
  'fashion-mnist-full': {
    ...COMMON,
    ...FASHION_MNIST,
    title: 'Fashion-MNIST 60,000, ConvNet',
    labelNoise: [0, 0.4],
    budgets: [{ gradients: 15 }],
    methods: ['sgd', 'sam', 'lookbehindSAM', 'repeatedSAM'],
  },
} as const satisfies Record<string, StudyPart>;

/** The name of a part. */
export type StudyPartName = keyof typeof STUDY;
