/**
 * CIFAR-10 and CIFAR-100: 60,000 color images of 32 x 32 pixels.
 *
 * Alex Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009
 * (https://www.cs.toronto.edu/~kriz/cifar.html), the "binary version": each record is one label byte
 * (CIFAR-100: two, coarse and fine) and 3 x 32 x 32 bytes, channel by channel.
 */
import { closeSync, createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { DataError } from '../core/errors';
import { checkOptions, type OptionsOf, oneOf, text } from '../core/options';
import { openRegularFile, readRegularFile, unreadable } from '../files/regularFile';
import { CIFAR10_CLASSES, CIFAR100_COARSE_CLASSES, CIFAR100_FINE_CLASSES } from './cifarClasses';
import { Dataset, type Statistics } from './dataset';
import { DOWNLOAD, type DownloadOptions, downloadsFolder, obtain, type RemoteFile } from './download';
import { type TarFile, tarFiles } from './tar';

const CIFAR = {
  /**
   * A folder with your own files in the binary format (`data_batch_1.bin` to `data_batch_5.bin`, as many as
   * there are, and `test_batch.bin`; CIFAR-100: `train.bin` and `test.bin`), of any number of images; only
   * their format is checked. Default: the published archive, verified by checksum, in the project's
   * `data/downloads/`, downloaded if it is missing.
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

/** Mean and standard deviation per channel in the paper's code for CIFAR-10: `train.standardized(...)`. */
export const CIFAR10_STATISTICS: Statistics = {
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.2471, 0.2435, 0.2616],
};

/** Mean and standard deviation per channel in the paper's code for CIFAR-100. */
export const CIFAR100_STATISTICS: Statistics = {
  mean: [0.5071, 0.4867, 0.4408],
  std: [0.2675, 0.2565, 0.2761],
};

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

const SPLITS = ['train', 'test'] as const;
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
 * @throws DataError if a file is missing, damaged or not of the format.
 */
export async function cifar10(options: CifarOptions = {}): Promise<Cifar> {
  return load(CIFAR10, CIFAR10_ARCHIVE, checkOptions('cifar10', { ...CIFAR, ...DOWNLOAD }, options));
}

/**
 * CIFAR-100: 100 classes in 20 superclasses.
 *
 * @throws DataError if a file is missing, damaged or not of the format.
 */
export async function cifar100(options: Cifar100Options = {}): Promise<Cifar> {
  const { labels, ...others } = checkOptions('cifar100', { ...CIFAR, ...LABELS, ...DOWNLOAD }, options);
  const coarse = labels === 'coarse';
  return load(
    coarse ? { ...CIFAR100, labelByte: 0, classes: CIFAR100_COARSE_CLASSES } : CIFAR100,
    CIFAR100_ARCHIVE,
    others,
  );
}

async function load(
  layout: CifarLayout,
  { file, ...remote }: Archive,
  { folder, ...downloading }: CifarOptions,
): Promise<Cifar> {
  if (folder !== undefined) return readCifarFolder(folder, layout);
  const path = join(downloadsFolder(), file);
  await obtain({ ...remote, path }, downloading);
  return readCifarArchive(path, layout);
}

/** Reads the gzipped tar archive in one pass, without unpacking it to the disk. */
export async function readCifarArchive(path: string, layout: CifarLayout): Promise<Cifar> {
  const unzipped = createGunzip({ chunkSize: 1 << 18 });
  const zipped = createReadStream(path, { fd: openRegularFile(path).descriptor });
  zipped.on('error', (error) => unzipped.destroy(error)).pipe(unzipped);
  const expected = SPLITS.flatMap((split) => layout[split]).reduce(
    (sum, { records }) => sum + records * bytesOf(layout),
    0,
  );
  try {
    return await readSets(layout, path, tarFiles(limited(unzipped, expected + SMALL_FILES, path), path));
  } finally {
    zipped.destroy();
  }
}

/** The chunks of `source`, up to `most` bytes: a few zipped bytes can unfold to a thousand times as many. */
async function* limited(source: AsyncIterable<Buffer>, most: number, path: string): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > most)
      throw new DataError(`${path} is damaged: it unfolds to more than the ${most} bytes that are expected.`);
    yield chunk;
  }
}

/** Reads files of records; the number of records follows from their sizes. */
async function readCifarFolder(folder: string, layout: CifarLayout): Promise<Cifar> {
  const present = await readdir(folder).catch((error) => {
    throw unreadable(folder, error);
  });
  const found = (files: CifarFile[]): CifarFile[] => {
    const names = files.map(({ name }) => name).filter((name) => present.includes(name));
    if (names.length === 0)
      throw new DataError(`The folder ${folder} has no ${files.map(({ name }) => name).join(', ')}.`);
    return names.map((name) => {
      const path = join(folder, name);
      const records = sizeOf(path) / bytesOf(layout);
      if (Number.isInteger(records)) return { name, records };
      throw new DataError(
        `${path} is damaged: ${sizeOf(path)} bytes are no multiple ` +
          `of ${bytesOf(layout)}, the size of a record.`,
      );
    });
  };
  const own = { ...layout, train: found(layout.train), test: found(layout.test) };
  const files = [...own.train, ...own.test].map(({ name }) => {
    const path = join(folder, name);
    return { name, size: sizeOf(path), read: async () => readRegularFile(path) };
  });
  return readSets(own, folder, files);
}

function sizeOf(path: string): number {
  const { descriptor, size } = openRegularFile(path);
  closeSync(descriptor);
  return size;
}

/** Bytes of a record. */
function bytesOf({ labelBytes }: CifarLayout): number {
  return labelBytes + PIXELS;
}

/** The sets of a layout from its files, which may come in any order and among others. */
async function readSets(
  layout: CifarLayout,
  source: string,
  files: Iterable<TarFile> | AsyncIterable<TarFile>,
): Promise<Cifar> {
  const { name: setName, labelByte, labelBytes, classes } = layout;
  /** Takes the records of one file, by its name. */
  const missing = new Map<string, { records: number; put(content: Buffer): void }>();
  const [train, test] = SPLITS.map((split) => {
    const total = layout[split].reduce((sum, { records }) => sum + records, 0);
    if (total * PIXELS > LARGEST_SPLIT) {
      throw new DataError(
        `${setName}: ${total} images of the split ${split} take more than ${LARGEST_SPLIT} bytes.`,
      );
    }
    const inputs = new Uint8Array(total * PIXELS);
    const labels = new Uint8Array(total);
    let next = 0;
    for (const { name, records } of layout[split]) {
      const first = next;
      next += records;
      const put = (content: Buffer): void => {
        for (let i = 0; i < records; i++) {
          const record = content.subarray(i * bytesOf(layout), (i + 1) * bytesOf(layout));
          const label = record[labelByte];
          if (label >= classes.length)
            throw new DataError(`${name} has a label ${label}, expected 0 to ${classes.length - 1}.`);
          labels[first + i] = label;
          // Pixel by pixel in place of channel by channel.
          let to = (first + i) * PIXELS;
          for (let pixel = labelBytes; pixel < labelBytes + PLANE; pixel++) {
            for (let channel = 0; channel < CHANNELS; channel++)
              inputs[to++] = record[pixel + channel * PLANE];
          }
        }
      };
      missing.set(name, { records, put });
    }
    const inputShape = [SIDE, SIDE, CHANNELS];
    return () => new Dataset({ name: setName, split, inputs, labels, inputShape, classes, scale: 1 / 255 });
  });
  for await (const { name: path, size, read } of files) {
    const name = basename(path);
    const file = missing.get(name);
    if (file === undefined) continue;
    const expected = file.records * bytesOf(layout);
    if (size !== expected) {
      throw new DataError(
        `${name} in ${source} has ${size} bytes, but ${file.records} images take ${expected}.`,
      );
    }
    file.put(await read());
    missing.delete(name);
  }
  if (missing.size > 0) throw new DataError(`${source} lacks ${[...missing.keys()].join(', ')}.`);
  return { train: train(), test: test() };
}
