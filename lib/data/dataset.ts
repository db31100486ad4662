/**
 * A labeled data set in memory: compact storage, tensors on demand, seeded batches.
 */
import { checkNumber, checkNumbers, checkObject, OptionError } from '../core/errors';
import {
  callback,
  checkOptions,
  flag,
  needed,
  number,
  numbers,
  type OptionsOf,
  object,
  text,
  where,
  whole,
} from '../core/options';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import { apportion, deal } from './deal';

/**
 * Mean and standard deviation by which inputs are standardized: one number each, or one per channel (the last
 * axis).
 */
export interface Statistics {
  /** Mean of the scaled inputs: `[mean]`, or one number per channel. */
  mean: number[];
  /** Standard deviation of the scaled inputs, above 0; as many numbers as `mean`. */
  std: number[];
}

/**
 * By this name declarations stay readable by TypeScript 5.0, which knows no `Float32Array<ArrayBufferLike>`.
 */
type Inputs = Float32Array | Uint8Array;

/**
 * Changes stored samples, any number of whole ones, each by itself: returns them in a new array of the same
 * kind and length.
 */
export type SampleChange = (stored: Float32Array | Uint8Array) => Float32Array | Uint8Array;

/** As `Inputs`: classes, or numbers. */
type Labels = Int32Array | Float32Array;

/**
 * Lists of names that were checked and are frozen. Subsets share them: with a task for each class, copies and
 * checks would grow as the square of the classes.
 */
const checkedNames = new WeakSet<object>();

const isNames = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  (checkedNames.has(value) || value.every((name) => typeof name === 'string'));

/** Describes the fields of a new `Dataset`. */
const FIELDS = {
  /** Name of the data set, such as `'mnist1d'`. */
  name: needed(text()),
  /** Which part of it this is, such as `'train'`. */
  split: needed(text()),
  /**
   * All samples one after the other, each row-major in `inputShape`. Kept, not copied; a Buffer is seen as a
   * plain Uint8Array.
   */
  inputs: needed(
    where<Inputs>(
      'object',
      'a Float32Array or Uint8Array',
      (value) => value instanceof Float32Array || value instanceof Uint8Array,
    ),
  ),
  /**
   * The class of each sample, 0 to `classes.length - 1`. Without `classes`: the numbers to learn of one
   * sample after the other.
   */
  labels: needed(
    where<ArrayLike<number>>(
      'numbers',
      'a list of numbers',
      (value) => Array.isArray(value) || ArrayBuffer.isView(value),
    ),
  ),
  /**
   * Shape of one sample; images are `[height, width, channels]`, signals `[length]` or `[length, channels]`.
   */
  inputShape: needed(numbers({ min: 1, integer: true })),
  /** Names of the classes. Leave it out where labels are real numbers, as in regression. */
  classes: where<readonly string[]>('list', 'a list of at least one name', isNames),
  /**
   * Where labels are numbers, the shape of those of one sample: `[2]` for two of them. Default `[]`, one
   * number.
   */
  labelShape: numbers({ min: 1, integer: true }),
  /** Value of a stored 1: `1 / 255` turns bytes into [0, 1]. Default 1. */
  scale: number({}, 1),
  /** Standardization after scaling. Default: none. */
  statistics: object<Statistics>(),
  /** Changes the stored samples whenever they are read, before scaling. Default: none. */
  change: callback<SampleChange>(),
};

/** Fields of a new `Dataset`. */
export type DatasetFields = OptionsOf<typeof FIELDS>;

/** Describes the options of `Dataset.batches`. */
const BATCHES = {
  /** Samples per batch, at least 1. The last batch may be smaller. */
  batchSize: needed(whole({ min: 1 })),
  /** Seed of the order. Default 0. */
  seed: whole({}, 0),
  /** Which pass over the data this is, at least 0: each has its own order. Default 0. */
  epoch: whole({ min: 0 }, 0),
  /** False keeps the order of the data set. Default true. */
  shuffle: flag(true),
  /** Leaves out a last batch that is smaller than `batchSize`. Default false. */
  dropLast: flag(false),
};

/** Options of `Dataset.batches`. */
export type BatchOptions = OptionsOf<typeof BATCHES>;

/** Describes a random choice of samples. */
const CHOICE = {
  /** Seed of the choice. Default 0. */
  seed: whole({}, 0),
  /**
   * Gives each part the class proportions of the whole, to within about one sample per class. Default false.
   */
  stratified: flag(false),
};

/** Options of a random choice of samples. */
export type ChoiceOptions = OptionsOf<typeof CHOICE>;

/** Options of `Dataset.partition`. */
export type PartitionOptions<Part extends string = string> = ChoiceOptions & {
  /** Share of each part by its name; they add up to 1. Sizes are rounded so that they add up to the whole. */
  fractions: Record<Part, number>;
};

/** Inputs and labels as tensors, owned by the caller. */
export interface Batch {
  /** float32 `[n, ...inputShape]` */
  xs: tf.Tensor;
  /** Classes, int32 `[n]`; or numbers, float32 `[n, ...labelShape]`. */
  ys: tf.Tensor;
}

/**
 * A labeled data set. Labels are classes, or real numbers to learn by regression.
 *
 * Immutable: each method that changes something returns a new data set, which shares the storage where it
 * can. Inputs are stored as they are (bytes where the source has bytes); scaling and standardization happen
 * when tensors are made: `x = (stored * scale - mean) / std`.
 */
export class Dataset {
  /** Name of the data set, such as `'mnist1d'`. */
  readonly name: string;
  /** Which part of it this is, such as `'train'`. */
  readonly split: string;
  /**
   * The class of each sample, 0 to `classes.length - 1`; where there are no classes, the numbers of one
   * sample after the other.
   */
  readonly labels: Int32Array | Float32Array;
  /**
   * Shape of one sample; images are `[height, width, channels]`, signals `[length]` or `[length, channels]`.
   */
  readonly inputShape: number[];
  /** Names of the classes; empty where labels are numbers. */
  readonly classes: string[];
  /** Shape of the label of one sample: `[]` for one class or number. */
  readonly labelShape: number[];
  /** Value of a stored 1: `1 / 255` turns bytes into [0, 1]. */
  readonly scale: number;
  /** The standardization that `tensors` applies, or null. */
  readonly statistics: Statistics | null;
  /** Number of samples. */
  readonly size: number;
  /** Numbers per sample. */
  readonly inputSize: number;
  readonly #storage: Inputs;
  readonly #change: SampleChange | undefined;

  /** @throws OptionError where fields do not fit together. */
  constructor(fields: DatasetFields) {
    const settings = checkOptions('Dataset', FIELDS, fields);
    const {
      name,
      split,
      inputs,
      labels,
      inputShape,
      classes = [],
      labelShape = [],
      scale,
      statistics = null,
      change,
    } = settings;
    const hasClasses = classes.length > 0;
    checkNumbers('labels', labels, hasClasses ? { min: 0, max: classes.length - 1, integer: true } : {});
    if (hasClasses && labelShape.length > 0) {
      throw new OptionError(
        'labelShape',
        labelShape,
        'left out where there are classes',
        'Leave classes out for labels of numbers.',
      );
    }
    checkFinite(inputs, name);
    this.name = name;
    this.split = split;
    this.#storage = plain(inputs);
    this.#change = change;
    const Store = hasClasses ? Int32Array : Float32Array;
    this.labels = labels instanceof Store ? labels : Store.from(labels);
    this.labelShape = [...labelShape];
    this.inputShape = [...inputShape];
    this.classes = (Object.isFrozen(classes) ? classes : Object.freeze([...classes])) as string[];
    checkedNames.add(this.classes);
    this.scale = scale;
    this.statistics = statistics;
    this.size = labels.length / this.labelSize;
    this.inputSize = inputShape.reduce((product, n) => product * n, 1);
    if (!Number.isInteger(this.size)) {
      throw new OptionError(
        'labels',
        `${labels.length} numbers`,
        `a multiple of labelShape, ${this.labelSize} for each sample`,
      );
    }
    if (inputs.length !== this.size * this.inputSize) {
      const samples = hasClasses ? 'labels.length' : 'the number of samples';
      const allowed = `${samples} times inputShape, ${this.size * this.inputSize} numbers`;
      throw new OptionError('inputs', `${inputs.length} numbers`, allowed);
    }
    if (statistics !== null) this.#checkStatistics(statistics);
  }

  /**
   * Stored values: see `scale` and `statistics` for what they stand for. Where samples are changed as they
   * are read, they are changed for each call.
   */
  get inputs(): Float32Array | Uint8Array {
    return this.#changed(this.#storage);
  }

  /** Numbers in the label of one sample: 1 for a class. */
  get labelSize(): number {
    return this.labelShape.reduce((product, n) => product * n, 1);
  }

  /** In one line: name, sizes, and classes with their numbers of samples. */
  toString(): string {
    const { name, split, size, inputShape, classes, labels } = this;
    const counts = this.classCounts.map((count, i) => `${classes[i]} (${count.toLocaleString('en')})`);
    const range =
      labels.length === 0 ? '' : ` from ${extreme(Math.min, labels)} to ${extreme(Math.max, labels)}`;
    const told =
      counts.length === 0 ? `labels are numbers${range}` : `${counts.length} classes: ${inShort(counts)}`;
    return `${name}, ${split}: ${size.toLocaleString('en')} samples of [${inputShape.join(', ')}]; ${told}`;
  }

  /** What Node prints of it. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  /** Samples of each class; empty where labels are numbers. */
  get classCounts(): number[] {
    const counts = new Array<number>(this.classes.length).fill(0);
    if (counts.length > 0) for (const label of this.labels) counts[label]++;
    return counts;
  }

  /**
   * The samples at `indices` (default: all, in order) as tensors. The caller disposes them.
   *
   * @throws OptionError for an index outside the data set.
   */
  tensors(indices?: ArrayLike<number>): Batch {
    const n = indices?.length ?? this.size;
    return {
      xs: tf.tensor(this.values(indices), [n, ...this.inputShape], 'float32'),
      ys: this.labelTensor(indices),
    };
  }

  /** The labels at `indices` (default: all, in order), as in `tensors`. The caller disposes them. */
  labelTensor(indices?: ArrayLike<number>): tf.Tensor {
    // A copy also of all labels: reading the tensor may hand out the array it was made from.
    const labels = indices === undefined ? this.labels.slice() : this.#labelsAt(indices);
    const dtype = this.classes.length > 0 ? 'int32' : 'float32';
    return tf.tensor(labels, [indices?.length ?? this.size, ...this.labelShape], dtype);
  }

  /** The inputs at `indices` (default: all, in order), scaled and standardized, row-major. A new array. */
  values(indices?: ArrayLike<number>): Float32Array {
    if (indices === undefined) return this.scaled(this.inputs);
    return this.scaled(this.#changed(this.#consecutive(indices) ?? this.#chosen(indices)));
  }

  /** The inputs at `indices` as they are stored, row-major. A new array. */
  stored(indices: ArrayLike<number>): Float32Array | Uint8Array {
    return this.#changed(this.#chosen(indices));
  }

  /** Zeros in the type of the storage, for `n` samples. */
  emptyStorage(n: number): Float32Array | Uint8Array {
    return this.#storage instanceof Uint8Array
      ? new Uint8Array(n * this.inputSize)
      : new Float32Array(n * this.inputSize);
  }

  /** What the stored values of whole samples stand for: `(stored * scale - mean) / std`. A new array. */
  scaled(stored: Float32Array | Uint8Array): Float32Array {
    if (stored instanceof Float32Array && this.scale === 1 && this.statistics === null) return stored.slice();
    const { mean, std } = this.statistics ?? { mean: [0], std: [1] };
    const factor = std.map((s) => this.scale / s);
    const shift = mean.map((m, c) => -m / std[c]);
    const values = new Float32Array(stored.length);
    if (factor.length === 1) {
      const [a] = factor;
      const [b] = shift;
      for (let i = 0; i < values.length; i++) values[i] = stored[i] * a + b;
    } else {
      for (let i = 0; i < values.length; ) {
        for (let c = 0; c < factor.length; c++, i++) values[i] = stored[i] * factor[c] + shift[c];
      }
    }
    return values;
  }

  /**
   * The index batches of one epoch. They depend on size, `seed`, `epoch` and the options only: the same in
   * every process, so that a resumed run sees what the uninterrupted one would have seen.
   */
  batches(options: BatchOptions): Int32Array[] {
    const { batchSize, seed, epoch, shuffle, dropLast } = checkOptions('batches', BATCHES, options);
    const order = shuffle
      ? new Random(seed, `batches/${epoch}`).permutation(this.size)
      : Int32Array.from({ length: this.size }, (_, i) => i);
    const batches: Int32Array[] = [];
    for (let start = 0; start < this.size; start += batchSize) {
      const batch = order.subarray(start, start + batchSize);
      if (batch.length === batchSize || !dropLast) batches.push(batch);
    }
    return batches;
  }

  /**
   * A smaller data set. It has storage of its own, unless it keeps samples that follow each other: those stay
   * where they are.
   *
   * @param choice Indices to keep, in that order; or how many samples to choose at random.
   * @param options Of the random choice.
   */
  subset(choice: number | ArrayLike<number>, options: ChoiceOptions = {}): Dataset {
    if (typeof choice === 'number') {
      const n = checkNumber('subset', choice, { min: 0, max: this.size, integer: true });
      return this.subset(this.#deal([n, this.size - n], options)[0]);
    }
    return this.with({
      inputs: this.#consecutive(choice) ?? this.#chosen(choice),
      labels: this.#labelsAt(choice),
      change: this.#change,
    });
  }

  /**
   * Cuts the data set at random into disjoint parts that together are the whole; each part's `split` is its
   * name.
   *
   * @example
   * const fractions = { train: 0.8, selection: 0.2 };
   * const { train, selection } = data.partition({ fractions, stratified: true });
   */
  partition<Part extends string>(options: PartitionOptions<Part>): Record<Part, Dataset> {
    checkObject('partition: options', options);
    const { fractions, ...choice } = options;
    checkObject('fractions', fractions);
    const names = Object.keys(fractions) as Part[];
    const shares = names.map((name) => checkNumber(`fractions.${name}`, fractions[name], { min: 0, max: 1 }));
    const total = shares.reduce((sum, share) => sum + share, 0);
    if (Math.abs(total - 1) > 1e-9)
      throw new OptionError('fractions', fractions, `shares that add up to 1 (they add up to ${total})`);
    const parts = this.#deal(apportion(this.size, shares), choice);
    const sets = names.map((name, i) => [name, this.subset(parts[i]).with({ split: name })]);
    return Object.fromEntries(sets) as Record<Part, Dataset>;
  }

  /** This data set with some fields replaced. Inputs that are given are no more changed. */
  with(fields: Partial<DatasetFields>): Dataset {
    const { name, split, labels, inputShape, classes, labelShape, scale, statistics } = this;
    return new Dataset({
      name,
      split,
      inputs: this.#storage,
      change: fields.inputs === undefined ? this.#change : undefined,
      labels,
      inputShape,
      ...(classes.length > 0 ? { classes } : { labelShape }),
      scale,
      statistics: statistics ?? undefined,
      ...fields,
    });
  }

  /**
   * The same samples, a share of them with a wrong label: chosen at random, each with equal chances for all
   * other classes.
   *
   * @param share 0 to 1, rounded to whole samples. With a larger share and the same seed, the same samples
   * are wrong, and more.
   */
  mislabeled(share: number, seed = 0): Dataset {
    checkNumber('share', share, { min: 0, max: 1 });
    const classes = this.classes.length;
    if (share > 0 && classes < 2) throw new OptionError('share', share, '0 where there is one class only');
    const random = new Random(seed, 'wrong labels');
    const shifts = Array.from(this.labels, () => 1 + random.int(Math.max(1, classes - 1)));
    const labels = this.labels.slice();
    for (const i of random.permutation(this.size).subarray(0, Math.round(share * this.size))) {
      labels[i] = (labels[i] + shifts[i]) % classes;
    }
    return this.with({ labels });
  }

  /**
   * This data set with its samples changed as they are read: it holds none of its own. Where a change was
   * made before, that one comes first.
   */
  changed(change: SampleChange): Dataset {
    const before = this.#change;
    return this.with({ change: before === undefined ? change : (stored) => change(before(stored)) });
  }

  /** The same samples in another shape of equal size. */
  reshaped(inputShape: readonly number[]): Dataset {
    return this.with({ inputShape });
  }

  /** The same samples as vectors. */
  flattened(): Dataset {
    return this.reshaped([this.inputSize]);
  }

  /**
   * The data set with `transform` applied to each sample's values.
   *
   * @param transform Gets one sample's values (scaled and standardized; a view that is valid during the call
   *   only) and its index, and returns the new values.
   * @param inputShape Shape of a new sample. Default: as before.
   */
  map(
    transform: (values: Float32Array, index: number) => ArrayLike<number>,
    inputShape: readonly number[] = this.inputShape,
  ): Dataset {
    const newSize = inputShape.reduce((product, n) => product * n, 1);
    const mapped = new Float32Array(this.size * newSize);
    const values = this.values();
    for (let i = 0; i < this.size; i++) {
      const sample = transform(values.subarray(i * this.inputSize, (i + 1) * this.inputSize), i);
      if (sample.length !== newSize) {
        throw new OptionError(
          'transform',
          `${sample.length} values for sample ${i}`,
          `a function that returns ${newSize} values`,
        );
      }
      mapped.set(sample, i * newSize);
    }
    return this.with({ inputs: mapped, inputShape, scale: 1, statistics: undefined });
  }

  /**
   * Images reduced by the mean over blocks of `pool` x `pool` pixels: 28 x 28 becomes 14 x 14.
   *
   * @param pool Side of a block in pixels; must divide height and width. Default 2.
   */
  meanPooled(pool = 2): Dataset {
    checkNumber('pool', pool, { min: 1, integer: true });
    const [height, width, channels] = this.inputShape;
    if (this.inputShape.length !== 3 || height % pool !== 0 || width % pool !== 0) {
      throw new OptionError(
        'pool',
        pool,
        `a divisor of height and width of images, not of inputs of shape [${this.inputShape}]`,
      );
    }
    const pooledShape = [height / pool, width / pool, channels];
    const pooled = new Float32Array(this.inputSize / (pool * pool));
    return this.map((values) => {
      pooled.fill(0);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const to = (Math.floor(y / pool) * pooledShape[1] + Math.floor(x / pool)) * channels;
          const from = (y * width + x) * channels;
          for (let c = 0; c < channels; c++) pooled[to + c] += values[from + c] / (pool * pool);
        }
      }
      return pooled;
    }, pooledShape);
  }

  /**
   * Mean and standard deviation of the scaled values over the whole data set: per channel where samples are
   * images or signals with channels, else over all values.
   */
  measure(): Statistics {
    const channels = this.inputShape.length > 1 ? this.inputShape[this.inputShape.length - 1] : 1;
    const sum = new Float64Array(channels);
    const squares = new Float64Array(channels);
    const { inputs, scale } = this;
    for (let i = 0; i < inputs.length; i++) sum[i % channels] += inputs[i];
    const perChannel = inputs.length / channels;
    const mean = sum.map((total) => total / perChannel);
    for (let i = 0; i < inputs.length; i++) squares[i % channels] += (inputs[i] - mean[i % channels]) ** 2;
    return {
      mean: Array.from(mean, (m) => m * scale),
      std: Array.from(squares, (total) => Math.sqrt(total / perChannel) * scale),
    };
  }

  /**
   * The data set with inputs standardized: mean 0 and standard deviation 1 under `statistics`, which the
   * result records. Standardize test data by the statistics of the training data:
   * `test.standardized(train.measure())`.
   *
   * @param statistics Default: of this data set.
   */
  standardized(statistics: Statistics = this.measure()): Dataset {
    return this.with({ statistics });
  }

  #deal(sizes: number[], options: ChoiceOptions): Int32Array[] {
    const { seed, stratified } = checkOptions('subset', CHOICE, options);
    if (stratified && this.classes.length === 0) {
      throw new OptionError(
        'stratified',
        stratified,
        'false or left out',
        `The labels of ${this.name} are numbers, not classes.`,
      );
    }
    const order = new Random(seed, 'choice').permutation(this.size);
    return deal(order, sizes, stratified ? this.labels : undefined);
  }

  #changed(stored: Inputs): Inputs {
    return this.#change === undefined ? stored : this.#change(stored);
  }

  /** What is stored of the samples at `indices`. */
  #chosen(indices: ArrayLike<number>): Inputs {
    const { inputSize } = this;
    const storage = this.#storage;
    const chosen = this.emptyStorage(indices.length);
    for (let i = 0; i < indices.length; i++) {
      const from = this.#checkIndex(indices[i]) * inputSize;
      chosen.set(storage.subarray(from, from + inputSize), i * inputSize);
    }
    return chosen;
  }

  #labelsAt(indices: ArrayLike<number>): Labels {
    const { labels, labelSize } = this;
    const chosen = new (labels.constructor as Int32ArrayConstructor | Float32ArrayConstructor)(
      indices.length * labelSize,
    );
    for (let i = 0; i < indices.length; i++) {
      const from = this.#checkIndex(indices[i]) * labelSize;
      for (let j = 0; j < labelSize; j++) chosen[i * labelSize + j] = labels[from + j];
    }
    return chosen;
  }

  /** The storage of samples that follow each other; undefined where they do not. */
  #consecutive(indices: ArrayLike<number>): Float32Array | Uint8Array | undefined {
    const [first, n] = [indices[0], indices.length];
    if (n === 0) return undefined;
    for (let i = 0; i < n; i++) if (indices[i] !== first + i) return undefined;
    this.#checkIndex(first);
    this.#checkIndex(first + n - 1);
    return this.#storage.subarray(first * this.inputSize, (first + n) * this.inputSize);
  }

  #checkIndex(index: number): number {
    if (!Number.isInteger(index) || index < 0 || index >= this.size) {
      throw new OptionError(
        'index',
        index,
        `a whole number from 0 to ${this.size - 1} (${this.name} ${this.split})`,
      );
    }
    return index;
  }

  #checkStatistics(statistics: Statistics): void {
    checkObject('statistics', statistics);
    const { mean, std } = statistics;
    const channels = this.inputShape[this.inputShape.length - 1];
    for (const [option, list] of Object.entries({ mean, std })) {
      checkNumbers(`statistics.${option}`, list);
      const constant = option === 'std' ? list.findIndex((value) => value <= 0) : -1;
      if (constant >= 0) {
        const which = list.length > 1 ? `channel ${constant}` : 'all inputs';
        throw new OptionError(
          'statistics.std',
          list[constant],
          'above 0',
          `Constant features (${which}) cannot be standardized.`,
        );
      }
      if (list.length !== 1 && list.length !== channels) {
        throw new OptionError(
          `statistics.${option}`,
          list,
          `one number, or one for each of the ${channels} channels`,
        );
      }
    }
    if (mean.length !== std.length)
      throw new OptionError('statistics.std', std, `as long as statistics.mean, ${mean.length}`);
  }
}

/** The same memory as an array whose `slice` copies: that of a Node Buffer is a view. */
function plain(inputs: Float32Array | Uint8Array): Float32Array | Uint8Array {
  const { buffer, byteOffset, length } = inputs;
  if (inputs.slice === Uint8Array.prototype.slice || inputs instanceof Float32Array) return inputs;
  return new Uint8Array(buffer, byteOffset, length);
}

/** Throws an OptionError where an input is NaN or infinite. */
function checkFinite(inputs: Float32Array | Uint8Array, name: string): void {
  if (inputs instanceof Uint8Array) return;
  for (let i = 0; i < inputs.length; i++) {
    if (!Number.isFinite(inputs[i]))
      throw new OptionError('inputs', inputs[i], 'finite numbers', `It is number ${i} of ${name}.`);
  }
}

function extreme(choose: (a: number, b: number) => number, values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => choose(a, b));
}

/** The first ten, and how many there are beside. */
function inShort(items: readonly string[]): string {
  const more = items.length > 10 ? [`and ${items.length - 10} more`] : [];
  return [...items.slice(0, 10), ...more].join(', ');
}
