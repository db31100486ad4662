/**
 * The data of a run, as JSON, and how it is loaded: one entry of `DATA_SETS` per data set.
 */
import { checkNumber } from '../../core/errors';
import {
  type Check,
  checkKind,
  flag,
  type KindOf,
  number,
  type OptionsOf,
  oneOf,
  text,
  whole,
} from '../../core/options';
import {
  CIFAR10_STATISTICS,
  CIFAR100_STATISTICS,
  cifar10,
  cifar100,
  type Dataset,
  digits,
  fashionMnist,
  fullMnist,
  kmnist,
  mnist,
  mnist1d,
  type Statistics,
  spirals,
  TINY_IMAGENET_STATISTICS,
  tinyImageNet,
  twoMoons,
} from '../../data';
import { SPIRALS, type SpiralsOptions, TWO_MOONS, type TwoMoonsOptions } from '../../data/toy';
import { checkExport, loadOwnData, OWN, type OwnConfig, type Sets } from './ownModule';

/** What a run trains and is evaluated on. */
export interface RunData {
  /** What is trained on. */
  train: Dataset;
  /** What is evaluated on. */
  test: Dataset;
}

/** What a run takes of the sets of its data. */
const TAKEN = {
  /**
   * Trains on this many samples, chosen at random with equal class proportions by the seed of the run.
   * Default: all.
   */
  trainSize: whole({ min: 1 }),
  /**
   * Standardizes inputs by mean and standard deviation of the samples trained on; CIFAR and
   * TinyImageNet by the published ones, as the paper's code.
   * Default false.
   */
  standardize: flag(false),
  /**
   * Share of the training samples that get a wrong label, chosen with it by the seed of the run. 0 to 1.
   * Default 0.
   */
  labelNoise: number({ min: 0, max: 1 }, 0),
};

const pool = (pools: readonly number[]) => ({
  /**
   * Side of the pixel blocks that are averaged, a divisor of the image's side: 2 makes 14 x 14 of 28 x 28.
   * Default 1.
   */
  pool: oneOf(pools, 1),
});

const pooled = (pools: readonly number[]) => ({
  /** The set to evaluate on; choose settings on `selection`. Default `test`. */
  evaluateOn: oneOf(['test', 'selection'], 'test'),
  ...pool(pools),
  ...TAKEN,
});

const DOWNLOADED = {
  /**
   * The set to evaluate on. `selection`, for choosing settings, is a tenth of the training set, the same for
   * all runs and in equal class proportions, which is then not trained on. Default `test`.
   */
  evaluateOn: oneOf(['test', 'selection'], 'test'),
  /**
   * A folder with files of one's own in the published format. Default: the published data in
   * `data/downloads/`.
   */
  folder: text(),
  ...TAKEN,
};

const DOWNLOADED_28 = { ...DOWNLOADED, ...pool([1, 2, 4, 7, 14, 28]) };

/** Training samples of a toy problem where a run does not say. */
const SAMPLES = 400;

const { seed: _, ...OF_TWO_MOONS } = TWO_MOONS;
const { seed: __, ...OF_SPIRALS } = SPIRALS;

/** What a run takes of a toy problem. */
const OF_TOY = {
  /** The set to evaluate on; each is a draw of its own, of as many samples. Default `test`. */
  evaluateOn: oneOf(['test', 'selection'], 'test'),
  ...TAKEN,
};

/** What a run takes of data of one's own. */
const OF_OWN = {
  /**
   * The set to evaluate on. Without a `selection` of its own, a tenth of `train` takes its place. Default
   * `test`.
   */
  evaluateOn: oneOf(['test', 'selection'], 'test'),
  ...TAKEN,
};

const SHIPPED = {
  mnist1d: {
    /**
     * The set to evaluate on: `test` has 1,000 samples, `selection` (for choosing settings) and `freshTest`
     * 4,000. Default `test`.
     */
    evaluateOn: oneOf(['test', 'selection', 'freshTest'], 'test'),
    ...TAKEN,
  },
  digits: pooled([1, 2, 4, 8]),
  mnist: pooled([1, 2, 4, 7, 14, 28]),
  fullMnist: DOWNLOADED_28,
  fashionMnist: DOWNLOADED_28,
  kmnist: DOWNLOADED_28,
  cifar10: DOWNLOADED,
  cifar100: {
    /** The 100 classes or the 20 superclasses. Default `fine`. */
    labels: oneOf(['fine', 'coarse'], 'fine'),
    ...DOWNLOADED,
  },
  tinyImageNet: {
    /** 32 halves the images. Default 64. */
    side: oneOf([64, 32], 64),
    ...DOWNLOADED,
  },
};

const OPTIONS = {
  ...SHIPPED,
  twoMoons: { ...OF_TWO_MOONS, ...OF_TOY },
  spirals: { ...OF_SPIRALS, ...OF_TOY },
  own: { ...OWN, ...OF_OWN },
};

/** The data of a run: its name and options. */
export type DataConfig =
  | KindOf<typeof SHIPPED>
  | ({ kind: 'twoMoons' } & Omit<TwoMoonsOptions, 'seed'> & OptionsOf<typeof OF_TOY>)
  | ({ kind: 'spirals' } & Omit<SpiralsOptions, 'seed'> & OptionsOf<typeof OF_TOY>)
  | ({ kind: 'own' } & OwnConfig & OptionsOf<typeof OF_OWN>);

/** Kinds that the library knows by itself. */
type LibraryKind = Exclude<DataConfig['kind'], 'own'>;

/** What is known of a data set beside its options. */
interface DataSet {
  /** Number of training samples as published. */
  size: number;
  /** The share of them that `selection` takes, where the data have no such set. Default 0. */
  heldOut?: number;
  /** All sets, by name. It gets the options that only this data set has. */
  load: (options?: never) => RunData | Promise<RunData>;
  /** The name that readers know. Default: its kind. */
  title?: string;
  /** Published statistics, which inputs are standardized by. */
  statistics?: Statistics;
  /** The time of a step is measured on made-up inputs of this shape, with so many classes. */
  made?: { inputShape: readonly number[]; classes: number };
}

/** The share of a training set that is held out for choosing settings. */
const HELD_OUT = 0.1;

/** The data sets by the names that configurations call them. */
const DATA_SETS: Readonly<Record<LibraryKind, DataSet>> = {
  twoMoons: {
    size: SAMPLES,
    load: (options?: TwoMoonsOptions) => drawn(twoMoons, options),
    title: 'two moons',
  },
  spirals: { size: SAMPLES, load: (options?: SpiralsOptions) => drawn(spirals, options) },
  mnist1d: { size: 4000, load: () => mnist1d() },
  digits: { size: 640, load: () => digits() },
  mnist: { size: 7000, load: mnist },
  fullMnist: { size: 60_000, heldOut: HELD_OUT, load: fullMnist },
  fashionMnist: { size: 60_000, heldOut: HELD_OUT, load: fashionMnist },
  kmnist: { size: 60_000, heldOut: HELD_OUT, load: kmnist },
  cifar10: {
    size: 50_000,
    heldOut: HELD_OUT,
    load: cifar10,
    title: 'CIFAR-10',
    statistics: CIFAR10_STATISTICS,
    made: { inputShape: [32, 32, 3], classes: 10 },
  },
  cifar100: {
    size: 50_000,
    heldOut: HELD_OUT,
    load: cifar100,
    title: 'CIFAR-100',
    statistics: CIFAR100_STATISTICS,
    made: { inputShape: [32, 32, 3], classes: 100 },
  },
  tinyImageNet: {
    size: 100_000,
    heldOut: HELD_OUT,
    load: tinyImageNet,
    title: 'TinyImageNet',
    statistics: TINY_IMAGENET_STATISTICS,
    made: { inputShape: [64, 64, 3], classes: 200 },
  },
};

/** What a run takes of the sets of its data. All other options say which sets are loaded. */
interface Choice extends OptionsOf<typeof TAKEN> {
  kind: DataConfig['kind'];
  pool?: number;
  evaluateOn?: string;
}

/** Checks the data of a run. */
export const checkData: Check<DataConfig> = (path, value, form) => {
  const config = checkKind(path, value, OPTIONS, form) as DataConfig;
  if (config.kind === 'own') {
    // One that was checked before names a content, which need not be there any more.
    if (typeof (value as OwnConfig).module === 'string') checkExport(path, value as OwnConfig, 'data');
  } else if (config.trainSize !== undefined) {
    checkNumber(`${path}.trainSize`, config.trainSize, { max: sizeOf(config) });
  }
  return config;
};

/** What is known of a data set. */
export function dataSetOf(config: DataConfig): DataSet {
  if (config.kind !== 'own') return DATA_SETS[config.kind];
  // Its size is known when it is loaded: until then the work of its runs is compared as if it were this.
  return { size: SAMPLES, title: config.name, load: () => loadOwnData(config) };
}

function sizeOf(config: DataConfig): number {
  return 'samples' in config && config.samples !== undefined ? config.samples : dataSetOf(config).size;
}

/** Number of samples that a run trains on, as far as the configuration tells. */
export function trainingSize(config: DataConfig): number {
  const { heldOut = 0 } = dataSetOf(config);
  const left = config.evaluateOn === 'selection' ? 1 - heldOut : 1;
  return config.trainSize ?? Math.round(left * sizeOf(config));
}

/** Three draws of a toy problem, the same for all runs. */
function drawn<O extends object>(make: (options: O & { seed: number }) => Dataset, options = {} as O): Sets {
  const [train, test, selection] = [0, 1, 2].map((seed) => make({ ...options, seed }));
  return { train, test, selection };
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
    const {
      kind,
      trainSize,
      standardize,
      labelNoise = 0,
      pool = 1,
      evaluateOn = 'test',
      ...sources
    }: Choice = config;
    const selects = evaluateOn === 'selection';
    const source = JSON.stringify([kind, sources, selects]);
    if (this.#source !== source) {
      const sets = await dataSetOf(config).load(sources as never);
      this.#sets = selects && !('selection' in sets) ? heldOut(sets.train) : { ...sets };
      this.#source = source;
      this.#pooled.clear();
    }
    const all = this.#set('train', pool);
    const clean =
      trainSize === undefined ? all : all.subset(trainSize, { seed, stratified: hasClasses(all) });
    const train = labelNoise === 0 ? clean : clean.mislabeled(labelNoise, seed);
    const test = this.#set(evaluateOn, pool);
    if (!standardize) return { train, test };
    const statistics = dataSetOf(config).statistics ?? train.measure();
    return { train: train.standardized(statistics), test: test.standardized(statistics) };
  }

  /**
   * One of the sets. Averaging pixels takes longer than the rest of `load`, so it is done once for all runs
   * that follow.
   */
  #set(name: string, pool: number): Dataset {
    if (pool === 1) return this.#sets[name];
    const key = `${name} ${pool}`;
    const pooled = this.#pooled.get(key) ?? this.#sets[name].meanPooled(pool);
    this.#pooled.set(key, pooled);
    return pooled;
  }
}

/** The training set in two: one part to train on, one for choosing settings. */
function heldOut(train: Dataset): Record<'train' | 'selection', Dataset> {
  return train.partition({
    fractions: { train: 1 - HELD_OUT, selection: HELD_OUT },
    seed: 0,
    stratified: hasClasses(train),
  });
}

function hasClasses({ classes }: Dataset): boolean {
  return classes.length > 0;
}
