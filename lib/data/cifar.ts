/**
 * CIFAR-10 and CIFAR-100: 60,000 colour images of 32 x 32 pixels.
 *
 * Alex Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009 (https://www.cs.toronto.edu/~kriz/cifar.html),
 * the "binary version": each record is one label byte (CIFAR-100: two, coarse and fine) and 3 x 32 x 32 bytes, channel by channel.
 */
import { closeSync, createReadStream, type ReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { DataError } from '../core/errors';
import { checkOptions, type OptionsOf, oneOf, text } from '../core/options';
import { openRegularFile } from '../files/regularFile';
import { CIFAR10_CLASSES, CIFAR100_COARSE_CLASSES, CIFAR100_FINE_CLASSES } from './cifarClasses';
import { Dataset, type Statistics } from './dataset';
import { DOWNLOAD, type DownloadOptions, downloadsFolder, obtain, type RemoteFile } from './download';
import { tarMembers } from './tar';

const CIFAR = {
  /**
   * A folder with your own files in the binary format (`data_batch_1.bin` to `data_batch_5.bin`, as many as there are, and
   * `test_batch.bin`; CIFAR-100: `train.bin` and `test.bin`), of any number of images; only their format is checked. Default: the
   * published archive, verified by checksum, in the project's `data/downloads/`, downloaded where it is missing.
   */
  folder: text(),
};

/** Describes an option of `cifar100`. */
export const LABELS = {
  /** The 100 classes or the 20 superclasses. Default `'fine'`. */
  labels: oneOf(['fine', 'coarse'], 'fine'),
};

/** Options of `cifar10`. */
export type CifarOptions = OptionsOf<typeof CIFAR> & DownloadOptions;

/** Options of `cifar100`. */
export type Cifar100Options = CifarOptions & OptionsOf<typeof LABELS>;

/** The sets of CIFAR: `inputShape` `[32, 32, 3]`, values in [0, 1]; stored as bytes, 184 MB. */
export interface Cifar {
  /** 50,000 images. */
  train: Dataset;
  /** 10,000 images. */
  test: Dataset;
}

/** Mean and standard deviation per channel that the paper's code standardises CIFAR-10 by: `train.standardised(...)`. */
export const CIFAR10_STATISTICS: Statistics = { mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] };

/** Mean and standard deviation per channel that the paper's code standardises CIFAR-100 by. */
export const CIFAR100_STATISTICS: Statistics = { mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] };

/** One file of records and how many it has. */
export interface CifarFile {
  /** Its name, without folder. */
  name: string;
  records: number;
}

/** How the records are laid out and in which files. */
export interface CifarLayout {
  name: string;
  /** Label bytes per record. */
  labelBytes: number;
  /** Which of them is the label. */
  labelByte: number;
  classes: readonly string[];
  train: CifarFile[];
  test: CifarFile[];
}

const SIDE = 32;
const CHANNELS = 3;
const PLANE = SIDE * SIDE;
const PIXELS = CHANNELS * PLANE;

/** Bytes of an archive beside its records: headers, and files with names. */
const SMALL_FILES = 1 << 24;
/** Bytes of the largest split that is read. */
const LARGEST_SPLIT = 2 ** 32;

const CIFAR10: CifarLayout = {
  name: 'cifar10',
  labelBytes: 1,
  labelByte: 0,
  classes: CIFAR10_CLASSES,
  train: [1, 2, 3, 4, 5].map((batch) => ({ name: `data_batch_${batch}.bin`, records: 10_000 })),
  test: [{ name: 'test_batch.bin', records: 10_000 }],
};

const CIFAR100: CifarLayout = {
  name: 'cifar100',
  labelBytes: 2,
  labelByte: 1,
  classes: CIFAR100_FINE_CLASSES,
  train: [{ name: 'train.bin', records: 50_000 }],
  test: [{ name: 'test.bin', records: 10_000 }],
};

/** The published archive of a set. */
type Archive = Omit<RemoteFile, 'path'> & { file: string };

const CIFAR10_ARCHIVE: Archive = {
  file: 'cifar-10-binary.tar.gz',
  urls: [
    'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    'https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz',
  ],
  bytes: 170_052_171,
  sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
};

const CIFAR100_ARCHIVE: Archive = {
  file: 'cifar-100-binary.tar.gz',
  urls: ['https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz'],
  bytes: 168_513_733,
  sha256: '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
};

/**
 * CIFAR-10: 10 classes.
 *
 * @throws DataError where a file is missing, damaged or not of the format.
 */
export async function cifar10(options: CifarOptions = {}): Promise<Cifar> {
  return load(CIFAR10, CIFAR10_ARCHIVE, checkOptions('cifar10', { ...CIFAR, ...DOWNLOAD }, options));
}

/**
 * CIFAR-100: 100 classes in 20 superclasses.
 *
 * @throws DataError where a file is missing, damaged or not of the format.
 */
export async function cifar100(options: Cifar100Options = {}): Promise<Cifar> {
  const { labels, ...others } = checkOptions('cifar100', { ...CIFAR, ...LABELS, ...DOWNLOAD }, options);
  const coarse = labels === 'coarse';
  return load(coarse ? { ...CIFAR100, labelByte: 0, classes: CIFAR100_COARSE_CLASSES } : CIFAR100, CIFAR100_ARCHIVE, others);
}

async function load(layout: CifarLayout, { file, ...remote }: Archive, { folder, ...downloading }: CifarOptions): Promise<Cifar> {
  if (folder !== undefined) return readCifarFolder(folder, layout);
  const path = join(downloadsFolder(), file);
  await obtain({ ...remote, path }, downloading);
  return readCifarArchive(path, layout);
}

/** Reads the gzipped tar archive in one pass, without unpacking it to the disk. */
export async function readCifarArchive(path: string, layout: CifarLayout): Promise<Cifar> {
  const parts = [new Part(layout, 'train'), new Part(layout, 'test')];
  const unzipped = openStream(path).pipe(createGunzip({ chunkSize: 1 << 18 }));
  const recordBytes = layout.labelBytes + PIXELS;
  const expected = [...layout.train, ...layout.test].reduce((sum, { records }) => sum + records * recordBytes, 0);
  try {
    for await (const { name, chunks } of tarMembers(limited(unzipped, expected + SMALL_FILES, path), path)) {
      for (const part of parts) await part.read(basename(name), chunks);
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path} is damaged: ${(error as Error).message}.`, { cause: error });
  }
  const [train, test] = parts.map((part) => part.dataset(path));
  return { train, test };
}

/** The chunks of `source`, of which there are not more than `most` bytes: a few zipped bytes can unfold to a thousand times as many. */
async function* limited(source: AsyncIterable<Buffer>, most: number, path: string): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > most) throw new DataError(`${path} is damaged: it unfolds to more than the ${most} bytes that are expected.`);
    yield chunk;
  }
}

/** A file as a stream. Throws a DataError where it is none. */
function openStream(path: string): ReadStream {
  return createReadStream(path, { fd: openOrRefuse(path).descriptor });
}

function openOrRefuse(path: string): { descriptor: number; size: number } {
  try {
    return openRegularFile(path);
  } catch (error) {
    throw new DataError(`The data file ${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
}

/** Reads files of records; the number of records follows from their sizes. */
async function readCifarFolder(folder: string, layout: CifarLayout): Promise<Cifar> {
  const recordBytes = layout.labelBytes + PIXELS;
  const present = await readdir(folder).catch((error: Error) => {
    throw new DataError(`The data folder ${folder} cannot be read: ${error.message}`, { cause: error });
  });
  const found = async (files: CifarFile[]): Promise<CifarFile[]> => {
    const names = files.map(({ name }) => name).filter((name) => present.includes(name));
    if (names.length === 0) throw new DataError(`The folder ${folder} has no ${files.map(({ name }) => name).join(', ')}.`);
    return Promise.all(
      names.map(async (name) => {
        const { descriptor, size } = openOrRefuse(join(folder, name));
        closeSync(descriptor);
        if (size % recordBytes !== 0) {
          throw new DataError(
            `${join(folder, name)} is damaged: ${size} bytes are no multiple of ${recordBytes}, the size of a record.`,
          );
        }
        return { name, records: size / recordBytes };
      }),
    );
  };
  const own = { ...layout, train: await found(layout.train), test: await found(layout.test) };
  const sets: Dataset[] = [];
  for (const split of ['train', 'test'] as const) {
    const part = new Part(own, split);
    for (const { name } of own[split]) await part.read(name, openStream(join(folder, name)));
    sets.push(part.dataset(folder));
  }
  return { train: sets[0], test: sets[1] };
}

/** Collects the images of one split from its files, which may come in any order and in pieces of any size. */
class Part {
  readonly #layout: CifarLayout;
  readonly #split: 'train' | 'test';
  readonly #inputs: Uint8Array;
  readonly #labels: Uint8Array;
  /** Files not yet read. */
  readonly #missing: Set<string>;

  constructor(layout: CifarLayout, split: 'train' | 'test') {
    this.#layout = layout;
    this.#split = split;
    const total = layout[split].reduce((sum, { records }) => sum + records, 0);
    if (total * PIXELS > LARGEST_SPLIT) {
      throw new DataError(`${layout.name}: ${total} images of the split ${split} take more than ${LARGEST_SPLIT} bytes.`);
    }
    this.#inputs = new Uint8Array(total * PIXELS);
    this.#labels = new Uint8Array(total);
    this.#missing = new Set(layout[split].map(({ name }) => name));
  }

  /** Reads a file's records where it is one of this split, else leaves it alone. */
  async read(name: string, chunks: AsyncIterable<Buffer>): Promise<void> {
    const files = this.#layout[this.#split];
    const place = files.findIndex((file) => file.name === name);
    if (place < 0) return;
    const first = files.slice(0, place).reduce((sum, { records }) => sum + records, 0);
    const { records } = files[place];
    const recordBytes = this.#layout.labelBytes + PIXELS;
    let read = 0;
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of chunks) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let start = 0;
      for (; start + recordBytes <= bytes.length; start += recordBytes) {
        if (read === records) throw new DataError(`${name} has more than the expected ${records} images.`);
        this.#put(first + read++, bytes.subarray(start, start + recordBytes), name);
      }
      rest = bytes.subarray(start);
    }
    if (read !== records || rest.length > 0) throw new DataError(`${name} is cut off after ${read} of ${records} images.`);
    this.#missing.delete(name);
  }

  dataset(source: string): Dataset {
    if (this.#missing.size > 0) throw new DataError(`${source} lacks ${[...this.#missing].join(', ')}.`);
    const { name, classes } = this.#layout;
    const inputShape = [SIDE, SIDE, CHANNELS];
    return new Dataset({
      name,
      split: this.#split,
      inputs: this.#inputs,
      labels: this.#labels,
      inputShape,
      classes,
      scale: 1 / 255,
    });
  }

  /** Stores a record, pixel by pixel in place of channel by channel. */
  #put(index: number, record: Uint8Array, name: string): void {
    const { labelByte, labelBytes, classes } = this.#layout;
    const label = record[labelByte];
    if (label >= classes.length) throw new DataError(`${name} has a label ${label}, expected 0 to ${classes.length - 1}.`);
    this.#labels[index] = label;
    const inputs = this.#inputs;
    let to = index * PIXELS;
    for (let pixel = labelBytes; pixel < labelBytes + PLANE; pixel++) {
      inputs[to++] = record[pixel];
      inputs[to++] = record[pixel + PLANE];
      inputs[to++] = record[pixel + 2 * PLANE];
    }
  }
}
