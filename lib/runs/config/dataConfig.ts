/**
 * The data of a run, as JSON, and how it is loaded.
 */
import {
  CIFAR10_STATISTICS,
  CIFAR100_STATISTICS,
  cifar10,
  cifar100,
  type Dataset,
  type Digits,
  digits,
  fashionMnist,
  fullMnist,
  kmnist,
  type Mnist1d,
  mnist,
  mnist1d,
  type Statistics,
  TINY_IMAGENET_STATISTICS,
  type TrainTest,
  tinyImageNet,
} from '../../data';
import { type Check, checkFields, checkKind, type Fields, flag, number, oneOf, text } from './schema';

/** Options of every data set. */
export interface DataOptions {
  /** Trains on this many samples, chosen at random with equal class proportions by the seed of the run. Default: all. */
  trainSize?: number;
  /**
   * Standardises inputs by mean and standard deviation of the samples trained on; CIFAR and
   * TinyImageNet by the published ones, as the paper's code.
   * Default false.
   */
  standardise?: boolean;
}

/** MNIST-1D: signals of length 40, 4,000 to train on. */
export interface Mnist1dConfig extends DataOptions {
  /** MNIST-1D. */
  kind: 'mnist1d';
  /** The set to evaluate on: `test` has 1,000 samples, `selection` (for choosing settings) and `freshTest` 4,000. Default `test`. */
  evaluateOn?: 'test' | 'selection' | 'freshTest';
}

/** Images that ship with the project: `digits` are 640 of 8 x 8 pixels to train on, `mnist` 7,000 of 28 x 28. */
export interface DigitsConfig extends DataOptions {
  /** Which of the two. */
  kind: 'digits' | 'mnist';
  /** The set to evaluate on; choose settings on `selection`. Default `test`. */
  evaluateOn?: 'test' | 'selection';
  /** Side of the pixel blocks that are averaged, a divisor of the image's side: 2 makes 14 x 14 of 28 x 28. Default 1. */
  pool?: number;
}

/** Images that are downloaded, or placed by hand: 60,000 (CIFAR: 50,000) to train on. */
export interface DownloadedConfig extends DataOptions {
  /** Which of them. */
  kind: 'fullMnist' | 'fashionMnist' | 'kmnist' | 'cifar10';
  /**
   * The set to evaluate on. `selection`, for choosing settings, is a tenth of the training set, the same for all runs and in equal class
   * proportions, which is then not trained on. Default `test`.
   */
  evaluateOn?: 'test' | 'selection';
  /** A folder with files of one's own in the published format. Default: the published data in `data/downloads/`. */
  folder?: string;
}

/** CIFAR-100. */
export interface Cifar100Config extends Omit<DownloadedConfig, 'kind'> {
  /** CIFAR-100. */
  kind: 'cifar100';
  /** The 100 classes or the 20 superclasses. Default `fine`. */
  labels?: 'fine' | 'coarse';
}

/** TinyImageNet: 100,000 images of 200 classes to train on; evaluated on its validation set. */
export interface TinyImageNetConfig extends Omit<DownloadedConfig, 'kind'> {
  /** TinyImageNet. */
  kind: 'tinyImageNet';
  /** 32 halves the images. Default 64. */
  side?: 64 | 32;
}

/** The data of a run. */
export type DataConfig = Mnist1dConfig | DigitsConfig | DownloadedConfig | Cifar100Config | TinyImageNetConfig;

/** What a run takes of the sets of its data. All other options say which sets are loaded. */
type Choice = DataOptions & Pick<Mnist1dConfig, 'evaluateOn'> & Pick<DigitsConfig, 'pool'>;

/** What a run trains and is evaluated on. */
export interface RunData {
  /** What is trained on. */
  train: Dataset;
  /** What is evaluated on. */
  test: Dataset;
}

/** Number of training samples of each data set as published. */
const TRAIN_SIZES: Readonly<Record<DataConfig['kind'], number>> = {
  mnist1d: 4000,
  digits: 640,
  mnist: 7000,
  fullMnist: 60_000,
  fashionMnist: 60_000,
  kmnist: 60_000,
  cifar10: 50_000,
  cifar100: 50_000,
  tinyImageNet: 100_000,
};

const PUBLISHED_STATISTICS: Partial<Readonly<Record<DataConfig['kind'], Statistics>>> = {
  cifar10: CIFAR10_STATISTICS,
  cifar100: CIFAR100_STATISTICS,
  tinyImageNet: TINY_IMAGENET_STATISTICS,
};

const options = (kind: DataConfig['kind']): Fields<DataOptions> => ({
  trainSize: number({ min: 1, max: TRAIN_SIZES[kind], integer: true }),
  standardise: flag(false),
});

const EVALUATE_ON = { evaluateOn: oneOf(['test', 'selection'] as const, 'test') };

const MNIST1D: Fields<Omit<Mnist1dConfig, 'kind'>> = {
  evaluateOn: oneOf(['test', 'selection', 'freshTest'], 'test'),
  ...options('mnist1d'),
};

const pooled = (kind: 'digits' | 'mnist', pools: readonly number[]): Check<object> => {
  const fields: Fields<Omit<DigitsConfig, 'kind'>> = {
    evaluateOn: oneOf(['test', 'selection'], 'test'),
    pool: oneOf(pools, 1),
    ...options(kind),
  };
  return (path, value, form) => checkFields(path, value, fields, form);
};

const downloaded = (kind: DownloadedConfig['kind']): Check<object> => {
  const fields: Fields<Omit<DownloadedConfig, 'kind'>> = { ...EVALUATE_ON, folder: text(), ...options(kind) };
  return (path, value, form) => checkFields(path, value, fields, form);
};

const CIFAR100: Fields<Omit<Cifar100Config, 'kind'>> = {
  ...EVALUATE_ON,
  labels: oneOf(['fine', 'coarse'], 'fine'),
  folder: text(),
  ...options('cifar100'),
};

const TINY_IMAGENET: Fields<Omit<TinyImageNetConfig, 'kind'>> = {
  ...EVALUATE_ON,
  side: oneOf([64, 32], 64),
  folder: text(),
  ...options('tinyImageNet'),
};

const KINDS: { readonly [K in DataConfig['kind']]: Check<object> } = {
  mnist1d: (path, value, form) => checkFields(path, value, MNIST1D, form),
  digits: pooled('digits', [1, 2, 4, 8]),
  mnist: pooled('mnist', [1, 2, 4, 7, 14, 28]),
  fullMnist: downloaded('fullMnist'),
  fashionMnist: downloaded('fashionMnist'),
  kmnist: downloaded('kmnist'),
  cifar10: downloaded('cifar10'),
  cifar100: (path, value, form) => checkFields(path, value, CIFAR100, form),
  tinyImageNet: (path, value, form) => checkFields(path, value, TINY_IMAGENET, form),
};

/** Checks the data of a run. */
export const checkData: Check<DataConfig> = (path, value, form) => checkKind(path, value, KINDS, form);

/** Number of samples that a run trains on, as far as the configuration tells. */
export function trainingSize({ kind, trainSize }: DataConfig): number {
  return trainSize ?? TRAIN_SIZES[kind];
}

/** Loads data and keeps what it loaded last, for runs that follow on the same. */
export class DataLoader {
  #source = '';
  #sets: Readonly<Record<string, Dataset>> = {};
  /** The sets with pixels averaged, by name and side of the averaged blocks. */
  readonly #pooled = new Map<string, Dataset>();

  /**
   * The data of a run. The training samples depend on `config` and `seed` only.
   *
   * @throws DataError where files are missing or damaged.
   */
  async load(config: DataConfig, seed: number): Promise<RunData> {
    const { trainSize, standardise, pool = 1, evaluateOn = 'test', ...sources }: Choice = config;
    const selects = evaluateOn === 'selection';
    const source = JSON.stringify([sources, selects]);
    if (this.#source !== source) {
      const sets = await loadSets(config);
      this.#sets = selects && !('selection' in sets) ? heldOut(sets.train) : { ...sets };
      this.#source = source;
      this.#pooled.clear();
    }
    const all = this.#set('train', pool);
    const train = trainSize === undefined ? all : all.subset(trainSize, { seed, stratified: true });
    const test = this.#set(evaluateOn, pool);
    if (!standardise) return { train, test };
    const statistics = PUBLISHED_STATISTICS[config.kind] ?? train.measure();
    return { train: train.standardised(statistics), test: test.standardised(statistics) };
  }

  /** One of the sets. Averaging pixels takes longer than the rest of `load`, so it is done once for all runs that follow. */
  #set(name: string, pool: number): Dataset {
    if (pool === 1) return this.#sets[name];
    const key = `${name} ${pool}`;
    const pooled = this.#pooled.get(key) ?? this.#sets[name].meanPooled(pool);
    this.#pooled.set(key, pooled);
    return pooled;
  }
}

/** The training set in two: nine tenths to train on, one for choosing settings. */
function heldOut(train: Dataset): Record<'train' | 'selection', Dataset> {
  return train.partition({ fractions: { train: 0.9, selection: 0.1 }, seed: 0, stratified: true });
}

/** All sets of the data, by name. */
async function loadSets(config: DataConfig): Promise<Mnist1d | Digits | TrainTest> {
  switch (config.kind) {
    case 'mnist1d':
      return mnist1d();
    case 'digits':
      return digits();
    case 'mnist':
      return mnist();
    case 'cifar100':
      return cifar100({ folder: config.folder, labels: config.labels });
    case 'tinyImageNet':
      return tinyImageNet({ folder: config.folder, side: config.side });
    default:
      return { fullMnist, fashionMnist, kmnist, cifar10 }[config.kind]({ folder: config.folder });
  }
}
