/**
 * The parts of the study that makes the atlas: which optimizer is the best at which budget, on which data,
 * with how many wrong labels, and with which k and rho. Each part is described here in full; what is made of
 * it says data/atlas/README.md.
 */
import type { MethodName } from '../core/methods';
import type { DataConfig, MeasureConfig, ModelConfig, OptimizerConfig } from '../runs';
import type { SearchedMethod, SearchRange } from '../statistics';

/** How the methods are compared at one budget. */
export interface StudyBudget {
  /** Gradients per training sample. */
  gradients: number;
  /** The budget whose choice is taken over, in place of a search. */
  chosenAt?: number;
}

/** A part of the study. */
export interface StudyPart {
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

/** A method of the study. */
export type StudyMethod = Extract<
  MethodName,
  | 'sgd'
  | 'lookahead'
  | 'sam'
  | 'asam'
  | 'multistepSAM'
  | 'lookbehindSAM'
  | 'lookbehindSAMAdaptive'
  | 'lookbehindASAM'
  | 'lookbehindASAMAdaptive'
  | 'repeatedSAM'
  | 'straightSAM'
>;

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
const STEP: SearchRange = { log: [0.03, 1.5] };
const RADIUS: SearchRange = { log: [0.03, 1] };
/** In rescaled weights: five times that of SAM. */
const RADIUS_ASAM: SearchRange = { log: [0.15, 5] };
const K: SearchRange = { of: [2, 5] };

const lookbehind = (
  kind: 'lookbehindSAM' | 'lookbehindASAM' | 'repeatedSAM' | 'straightSAM',
  { radius = RADIUS, alpha = ALPHA }: { radius?: SearchRange; alpha?: number | 'adaptive' } = {},
): SearchedMethod => ({
  ranges: { step: STEP, radius, k: K },
  optimizer: ({ step, radius, k }): OptimizerConfig => {
    const learningRate = rounded(step / (k * (alpha === 'adaptive' ? 1 : alpha)));
    return { kind, k, rho: rounded((2 * radius) / (k + 1)), alpha, ...BASE, learningRate };
  },
});

const single = (kind: 'sam' | 'asam', radius = RADIUS): SearchedMethod => ({
  ranges: { step: STEP, radius },
  optimizer: ({ step, radius }) => ({ kind, rho: radius, ...BASE, learningRate: step }),
});

/** What is searched of each method, and what optimizer that makes. */
export const STUDY_METHODS: Readonly<Record<StudyMethod, SearchedMethod>> = {
  sgd: {
    ranges: { step: STEP },
    optimizer: ({ step }) => ({ kind: 'sgd', ...BASE, learningRate: step }),
  },
  lookahead: {
    ranges: { step: STEP, alpha: { of: [0.5, 0.8] } },
    optimizer: ({ step, alpha }) => {
      const base: OptimizerConfig = { kind: 'sgd', ...BASE, learningRate: rounded(step / alpha) };
      return { kind: 'lookahead', k: FAST_STEPS, alpha, base };
    },
  },
  sam: single('sam'),
  asam: single('asam', RADIUS_ASAM),
  multistepSAM: {
    ranges: { step: STEP, radius: RADIUS, k: K },
    optimizer: ({ step, radius, k }) => ({
      kind: 'multistepSAM',
      k,
      rho: rounded(radius / k),
      ...BASE,
      learningRate: step,
    }),
  },
  lookbehindSAM: lookbehind('lookbehindSAM'),
  lookbehindSAMAdaptive: lookbehind('lookbehindSAM', { alpha: 'adaptive' }),
  lookbehindASAM: lookbehind('lookbehindASAM', { radius: RADIUS_ASAM }),
  lookbehindASAMAdaptive: lookbehind('lookbehindASAM', { radius: RADIUS_ASAM, alpha: 'adaptive' }),
  repeatedSAM: lookbehind('repeatedSAM'),
  straightSAM: lookbehind('straightSAM'),
};

/** Readable, so that a configuration can be written down. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

/** What the parts have in common. */
const WHOLE = {
  reportOn: 'test',
  labelNoise: [0, 0.4, 0.2],
  budgets: [{ gradients: 30 }, { gradients: 90 }, { gradients: 15 }, { gradients: 270 }],
  methods: Object.keys(STUDY_METHODS) as StudyMethod[],
  draws: 24,
  selectionSeeds: from(100, 3),
  reportSeeds: from(0, 10),
  measures: [
    { kind: 'sharpness', radii: [0.1, 0.5, 1] },
    { kind: 'noisyAccuracy', sigmas: [0.1, 0.2], draws: 10 },
  ],
  guessing: 90,
} satisfies Partial<StudyPart>;

const MNIST1D_MLP = {
  ...WHOLE,
  data: { kind: 'mnist1d' },
  reportOn: 'freshTest',
  model: { kind: 'mlp', hidden: [100, 100] },
} satisfies StudyPart;

/** The parts by name. */
export const STUDY = {
  /** About an hour of one core: a smaller form of `mnist1d-mlp`. */
  'mnist1d-mlp-small': {
    ...MNIST1D_MLP,
    labelNoise: [0, 0.4],
    budgets: [{ gradients: 90 }, { gradients: 30 }, { gradients: 270, chosenAt: 90 }, { gradients: 15 }],
    methods: [
      'sgd',
      'lookahead',
      'sam',
      'asam',
      'multistepSAM',
      'lookbehindSAM',
      'lookbehindSAMAdaptive',
      'lookbehindASAM',
      'repeatedSAM',
    ],
    selectionSeeds: from(100, 2),
    reportSeeds: from(0, 8),
  },
  'mnist1d-mlp': MNIST1D_MLP,
  'mnist1d-convnet': {
    ...MNIST1D_MLP,
    model: { kind: 'convNet', filters: [16, 32] },
  },
  'fashion-mnist': {
    ...WHOLE,
    data: { kind: 'fashionMnist', pool: 2 },
    model: { kind: 'convNet', filters: [16, 32] },
    methods: [
      'sgd',
      'lookahead',
      'sam',
      'asam',
      'multistepSAM',
      'lookbehindSAM',
      'lookbehindASAM',
      'repeatedSAM',
    ],
    draws: 8,
    selectionSeeds: from(100, 2),
  },
  digits: {
    ...WHOLE,
    data: { kind: 'digits' },
    model: { kind: 'mlp', hidden: [64, 64] },
  },
} as const satisfies Record<string, StudyPart>;

/** The name of a part. */
export type StudyPartName = keyof typeof STUDY;
