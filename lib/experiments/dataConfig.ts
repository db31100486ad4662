/**
 * The data of a run, as JSON, and how it is loaded.
 */
import { type Dataset, digits, mnist, mnist1d } from '../datasets';
import { type Check, checkFields, checkKind, type Fields, flag, number, oneOf } from './schema';

/** Options of every data set. */
export interface DataOptions {
  /** Trains on this many samples, chosen at random with equal class proportions by the seed of the run. Default: all. */
  trainSize?: number;
  /** Standardises inputs by mean and standard deviation of the samples trained on. Default false. */
  standardise?: boolean;
}

/** MNIST-1D: signals of length 40, 4,000 to train on. */
export interface Mnist1dConfig extends DataOptions {
  kind: 'mnist1d';
  /** The set to evaluate on: `test` has 1,000 samples, `selection` (for choosing settings) and `freshTest` 4,000. Default `test`. */
  evaluateOn?: 'test' | 'selection' | 'freshTest';
}

/** Options of images. */
export interface ImageOptions extends DataOptions {
  /** The set to evaluate on; choose settings on `selection`. Default `test`. */
  evaluateOn?: 'test' | 'selection';
  /** Side of the pixel blocks that are averaged, a divisor of the image's side: 2 makes 14 x 14 of 28 x 28. Default 1. */
  pool?: number;
}

/** 8 x 8 digits, 640 to train on. */
export interface DigitsConfig extends ImageOptions {
  kind: 'digits';
}

/** 28 x 28 digits, 7,000 to train on. */
export interface MnistConfig extends ImageOptions {
  kind: 'mnist';
}

/** The data of a run. */
export type DataConfig = Mnist1dConfig | DigitsConfig | MnistConfig;

/** What a run trains and is evaluated on. */
export interface RunData {
  train: Dataset;
  test: Dataset;
}

/** Number of training samples of each data set. */
const TRAIN_SIZES: Readonly<Record<DataConfig['kind'], number>> = { mnist1d: 4000, digits: 640, mnist: 7000 };

const common = (kind: DataConfig['kind']): Fields<DataOptions> => ({
  trainSize: number({ min: 1, max: TRAIN_SIZES[kind], integer: true }),
  standardise: flag(false),
});

const image = (kind: 'digits' | 'mnist', pools: readonly number[]): Fields<ImageOptions> => ({
  evaluateOn: oneOf(['test', 'selection'], 'test'),
  pool: oneOf(pools, 1),
  ...common(kind),
});

const MNIST1D: Fields<Omit<Mnist1dConfig, 'kind'>> = {
  evaluateOn: oneOf(['test', 'selection', 'freshTest'], 'test'),
  ...common('mnist1d'),
};

const KINDS: { readonly [K in DataConfig['kind']]: Check<object> } = {
  mnist1d: (path, value, form) => checkFields(path, value, MNIST1D, form),
  digits: (path, value, form) => checkFields(path, value, image('digits', [1, 2, 4, 8]), form),
  mnist: (path, value, form) => checkFields(path, value, image('mnist', [1, 2, 4, 7, 14, 28]), form),
};

/** Checks the data of a run. */
export const checkData: Check<DataConfig> = (path, value, form) => checkKind(path, value, KINDS, form);

/** Number of samples that a run trains on. */
export function trainingSize({ kind, trainSize }: DataConfig): number {
  return trainSize ?? TRAIN_SIZES[kind];
}

/** Loads data and keeps what it loaded last, for runs that follow on the same. */
export class DataLoader {
  #kind: DataConfig['kind'] | undefined;
  #sets: Readonly<Record<string, Dataset>> = {};

  /**
   * The data of a run. The training samples depend on `config` and `seed` only.
   *
   * @throws DataError where files are missing or damaged.
   */
  async load(config: DataConfig, seed: number): Promise<RunData> {
    const { kind, trainSize, standardise, evaluateOn = 'test' } = config;
    if (this.#kind !== kind) {
      this.#sets = { ...(await { mnist1d, digits, mnist }[kind]()) };
      this.#kind = kind;
    }
    const pool = 'pool' in config && config.pool !== undefined && config.pool > 1 ? config.pool : undefined;
    const pooled = (data: Dataset): Dataset => (pool === undefined ? data : data.meanPooled(pool));
    const all = this.#sets.train;
    const train = pooled(trainSize === undefined ? all : all.subset(trainSize, { seed, stratified: true }));
    const test = pooled(this.#sets[evaluateOn]);
    if (!standardise) return { train, test };
    const statistics = train.measure();
    return { train: train.standardised(statistics), test: test.standardised(statistics) };
  }
}
