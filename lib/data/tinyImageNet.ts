/**
 * TinyImageNet: 200 classes of ImageNet, color images of 64 x 64 pixels.
 *
 * Made for the course CS231n at Stanford (Le, Yang, 2015) from ImageNet (Russakovsky et al., IJCV 2015,
 * arXiv:1409.0575); see https://www.image-net.org for its terms. The archive is a folder of JPEG files:
 *
 *     wnids.txt                             the classes' WordNet ids
 *     words.txt                             a name for each id, tab-separated
 *     train/<id>/images/*.JPEG              500 images for each class
 *     val/images/*.JPEG                     10,000 images
 *     val/val_annotations.txt               file name, id and a box for each, tab-separated
 *
 * Its test set has no labels and is left out, as everywhere: `test` is the validation set.
 */
import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DataError, NativeRuntimeError, throwIfAborted } from '../core/errors';
import { callback, checkOptions, type OptionsOf, oneOf, text } from '../core/options';
import { makeFolder } from '../files/atomicFile';
import { readRegularFile, unreadable } from '../files/regularFile';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../files/safetensors';
import { Dataset, type Statistics } from './dataset';
import { DOWNLOAD, type DownloadOptions, downloadsFolder, lockOf, obtain, type RemoteFile } from './download';
import { imageSize } from './imageSize';
import { ZipArchive } from './zip';

/** How far the decoding of images is. */
export interface DecodingProgress {
  /** Images that are decoded. */
  decoded: number;
  /** Images in all. */
  total: number;
}

/** Describes the options of `tinyImageNet` beside those of downloads. */
export const TINY_IMAGENET = {
  /**
   * A folder with your own files in the layout of the archive (that of `wnids.txt`), of any number of classes
   * and images, JPEG or PNG; only their format is checked, and nothing is kept for the next time. Default:
   * the published archive, verified by checksum, in the project's `data/downloads/`, downloaded if it is
   * missing.
   */
  folder: text(),
  /** 32 halves the images: each pixel is the mean of 2 x 2. Default 64. */
  side: oneOf([64, 32], 64),
  /** Called about every 1,000 images while the archive is decoded, which is done once. */
  onDecode: callback<(progress: DecodingProgress) => void>(),
};

/** Options of `tinyImageNet`. */
export type TinyImageNetOptions = OptionsOf<typeof TINY_IMAGENET> & DownloadOptions;

/** The sets of TinyImageNet: `inputShape` `[64, 64, 3]`, values in [0, 1]; 1.35 GB (338 MB at side 32). */
export interface TinyImageNet {
  /** 100,000 images, class by class. */
  train: Dataset;
  /** 10,000 images: the published validation set. */
  test: Dataset;
}

/** Mean and standard deviation per channel of the training images: `train.standardized(...)`. */
export const TINY_IMAGENET_STATISTICS: Statistics = {
  mean: [0.4802, 0.4481, 0.3975],
  std: [0.277, 0.2691, 0.2821],
};

const ARCHIVE: Omit<RemoteFile, 'path'> & { file: string } = {
  file: 'tiny-imagenet-200.zip',
  bytes: 248_100_043,
  sha256: '6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821',
  urls: [
    'http://cs231n.stanford.edu/tiny-imagenet-200.zip',
    'https://cs231n.stanford.edu/tiny-imagenet-200.zip',
    'https://image-net.org/data/tiny-imagenet-200.zip',
  ],
};

/** Bytes of the largest file of a folder that is read: images are small, and the largest list has 3 MB. */
const LARGEST_FILE = 1 << 28;

const SIDE = 64;
const CHANNELS = 3;

/** Images per file of the cache: decoding that was stopped goes on behind the last whole file. */
const PART_IMAGES = 10_000;

/** Images between two looks at the signal, and between two reports. */
const TURN = 50;
const REPORT = 1000;

type Side = 64 | 32;
type Split = 'train' | 'test';
const SPLITS: readonly Split[] = ['train', 'test'];

/**
 * TinyImageNet. At the first call the JPEG files of the archive are decoded, which takes one to two minutes;
 * the pixels are kept in `data/downloads/tiny-imagenet-200-64/`, after which the archive is not needed any
 * more.
 *
 * @throws DataError if a file is missing, damaged or not of the format.
 * @throws AbortedError if `signal` was aborted. What was decoded is kept.
 */
export async function tinyImageNet(options: TinyImageNetOptions = {}): Promise<TinyImageNet> {
  const settings = checkOptions('tinyImageNet', { ...TINY_IMAGENET, ...DOWNLOAD }, options);
  const { folder, side, onDecode, ...downloading } = settings;
  const decoding = { side, onDecode, signal: downloading.signal };
  if (folder !== undefined) return readTinyImageNetFolder(folder, decoding);
  const { file, ...remote } = ARCHIVE;
  const path = join(downloadsFolder(), file);
  const cache = join(downloadsFolder(), `tiny-imagenet-200-${side}`);
  return readCached(
    { cache, archive: () => obtain({ ...remote, path }, downloading), partImages: PART_IMAGES },
    decoding,
  );
}

/** How to decode. */
export interface Decoding {
  side: Side;
  onDecode?: (progress: DecodingProgress) => void;
  signal?: AbortSignal;
}

/** Where decoded images are kept, and where they come from. */
export interface CachedArchive {
  /** Folder of the decoded images. */
  cache: string;
  /** Makes sure that the archive is there, and gives its path. Called only if the cache is not complete. */
  archive: () => Promise<string>;
  /** Images per file of the cache. */
  partImages: number;
}

/** Reads the decoded images of an archive, after decoding those that were not yet. */
export async function readCached(
  { cache, archive, partImages }: CachedArchive,
  decoding: Decoding,
): Promise<TinyImageNet> {
  const there = await readParts(cache, decoding.side);
  if (there !== undefined) return there;
  const path = await archive();
  makeFolder(cache);
  const lock = await lockOf(cache, decoding.signal);
  try {
    await decodeArchive(path, cache, partImages, decoding);
  } finally {
    lock.release();
  }
  const decoded = await readParts(cache, decoding.side);
  if (decoded === undefined)
    throw new DataError(`The decoded images in ${cache} are damaged. Delete this folder and try again.`);
  return decoded;
}

async function decodeArchive(
  path: string,
  cache: string,
  partImages: number,
  decoding: Decoding,
): Promise<void> {
  const zip = await ZipArchive.open(path);
  try {
    const source = zipSource(zip);
    await decodeParts(source, await readLayout(source), cache, partImages, decoding);
  } finally {
    zip.close();
  }
}

/** Decodes the images of a folder with the archive's layout. */
async function readTinyImageNetFolder(folder: string, decoding: Decoding): Promise<TinyImageNet> {
  const source = await folderSource(folder);
  const { classes, images } = await readLayout(source);
  const total = images.train.length + images.test.length;
  let done = 0;
  const set = async (split: Split): Promise<Dataset> => {
    const pixels = await decodeAll(source, images[split], decoding, (decoded) =>
      report(decoding, done + decoded, total),
    );
    done += images[split].length;
    return dataset(
      split,
      decoding.side,
      pixels,
      images[split].map(({ label }) => label),
      classes,
    );
  };
  return { train: await set('train'), test: await set('test') };
}

// The layout

/** Files by their path in the layout. */
interface Source {
  /** What it is called in messages. */
  name: string;
  files: ReadonlySet<string>;
  read(path: string): Promise<Buffer>;
}

interface LabeledImage {
  path: string;
  label: number;
}

interface Layout {
  classes: string[];
  images: Record<Split, LabeledImage[]>;
}

const IMAGE = /^[^/\\]+\.(jpe?g|png)$/i;

/** A zip archive whose files lie in a folder of their own, or not. */
function zipSource(zip: ZipArchive): Source {
  const { names } = zip;
  const ids = names.find((name) => name === 'wnids.txt' || name.endsWith('/wnids.txt'));
  if (ids === undefined) throw new DataError(`${zip.path} has no wnids.txt.`);
  const root = ids.slice(0, -'wnids.txt'.length);
  const files = new Set(names.filter((name) => name.startsWith(root)).map((name) => name.slice(root.length)));
  return { name: zip.path, files, read: (path) => zip.read(`${root}${path}`) };
}

async function folderSource(folder: string): Promise<Source> {
  const present = await readdir(folder, { recursive: true }).catch((error) => {
    throw unreadable(folder, error);
  });
  const files = present.map((path) => path.split(sep).join('/'));
  return {
    name: folder,
    files: new Set(files),
    read: async (path) => readRegularFile(join(folder, path), LARGEST_FILE),
  };
}

/** Finds the images and their labels. Classes are in the order of their ids, as torchvision has them. */
async function readLayout(source: Source): Promise<Layout> {
  const { name, files } = source;
  const table = async (path: string): Promise<string[][]> => {
    if (!files.has(path)) throw new DataError(`${name} has no ${path}.`);
    const lines = (await source.read(path)).toString('utf8').split(/\r?\n/);
    return lines
      .filter((line) => line.trim() !== '')
      .map((line) => line.split('\t').map((cell) => cell.trim()));
  };
  const ids = (await table('wnids.txt')).map(([id]) => id).sort();
  const labels = new Map(ids.map((id, label) => [id, label]));
  if (ids.length === 0 || labels.size !== ids.length)
    throw new DataError(`${name}: wnids.txt has no classes, or one of them twice.`);
  const words = new Map(
    files.has('words.txt') ? (await table('words.txt')).map(([id, text]) => [id, text]) : [],
  );

  const train: LabeledImage[] = [];
  for (const path of [...files].sort()) {
    const [part, id, images, file, ...deeper] = path.split('/');
    if (part !== 'train' || images !== 'images' || deeper.length > 0 || !IMAGE.test(file ?? '')) continue;
    const label = labels.get(id);
    if (label === undefined)
      throw new DataError(`${name}: ${path} is of the class ${id}, which wnids.txt lacks.`);
    train.push({ path, label });
  }
  const test = (await table('val/val_annotations.txt')).map(([file, id]) => {
    const label = labels.get(id);
    if (label === undefined)
      throw new DataError(
        `${name}: val_annotations.txt has ${file} of the class ${id}, which wnids.txt lacks.`,
      );
    const path = `val/images/${file}`;
    if (!IMAGE.test(file) || !files.has(path))
      throw new DataError(`${name} has no ${path}, which val_annotations.txt lists.`);
    return { path, label };
  });
  if (train.length === 0) throw new DataError(`${name} has no images in train/<class>/images/.`);
  return { classes: distinctNames(ids, words), images: { train, test } };
}

/** The first word for each class, with its id if several classes have the same. */
function distinctNames(ids: readonly string[], words: ReadonlyMap<string, string>): string[] {
  const first = ids.map((id) => words.get(id)?.split(',')[0] ?? id);
  return first.map((name, i) =>
    first.indexOf(name) === first.lastIndexOf(name) ? name : `${name} (${ids[i]})`,
  );
}

// Pixels

/** Decodes images one after the other. */
async function decodeAll(
  source: Source,
  images: readonly LabeledImage[],
  { side, signal }: Decoding,
  onDecoded: (count: number) => void,
): Promise<Uint8Array> {
  const size = side * side * CHANNELS;
  const pixels = new Uint8Array(images.length * size);
  for (const [i, { path }] of images.entries()) {
    if (i % TURN === 0) {
      throwIfAborted(signal, `The decoding of ${source.name}`);
      await nextTurn();
    }
    decode(
      await source.read(path),
      `${source.name}: ${path}`,
      side,
      pixels.subarray(i * size, (i + 1) * size),
    );
    onDecoded(i + 1);
  }
  return pixels;
}

/** Decodes one image into `to`, halved if `side` is half of its own. */
function decode(content: Uint8Array, name: string, side: Side, to: Uint8Array): void {
  // Loaded when it is needed: data sets that decode nothing do without a native runtime.
  const { nativeNode } = require('../compile/native') as typeof import('../compile/native');
  const node = nativeNode();
  if (node === undefined) {
    throw new NativeRuntimeError(
      'Images are decoded by the native TensorFlow runtime. Run "npm run setup" and try again.',
    );
  }
  // Before anything is decoded: a small file can unfold to gigabytes.
  const size = imageSize(content);
  if (size === undefined)
    throw new DataError(`${name} is damaged, or no image: it begins neither as JPEG nor as PNG.`);
  if (size.width !== SIDE || size.height !== SIDE) {
    throw new DataError(`${name} has ${size.width} x ${size.height} pixels, expected ${SIDE} x ${SIDE}.`);
  }
  let values: ArrayLike<number>;
  try {
    const image = node.decodeImage(content, CHANNELS, 'int32', false);
    values = image.dataSync();
    image.dispose();
  } catch (error) {
    throw new DataError(`${name} is damaged, or no image: ${(error as Error).message}.`, { cause: error });
  }
  if (side === SIDE) {
    to.set(values);
    return;
  }
  const row = SIDE * CHANNELS;
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      for (let c = 0; c < CHANNELS; c++, i++) {
        const from = 2 * y * row + 2 * x * CHANNELS + c;
        to[i] = Math.round(
          (values[from] + values[from + CHANNELS] + values[from + row] + values[from + row + CHANNELS]) / 4,
        );
      }
    }
  }
}

function report({ onDecode }: Decoding, decoded: number, total: number): void {
  if (decoded % REPORT === 0 || decoded === total) onDecode?.({ decoded, total });
}

function dataset(
  split: Split,
  side: Side,
  inputs: Uint8Array,
  labels: ArrayLike<number>,
  classes: readonly string[],
): Dataset {
  const inputShape = [side, side, CHANNELS];
  return new Dataset({ name: 'tiny-imagenet', split, inputs, labels, inputShape, classes, scale: 1 / 255 });
}

// The cache: files <split>-<number>-of-<count>.safetensors with the pixels and labels of some images each.

const PART_NAME = /^(train|test)-(\d+)-of-(\d+)\.safetensors$/;

interface Part {
  images: StoredTensor;
  labels: StoredTensor;
  classes: string[];
}

async function decodeParts(
  source: Source,
  { classes, images }: Layout,
  cache: string,
  partImages: number,
  decoding: Decoding,
): Promise<void> {
  const { side } = decoding;
  const total = images.train.length + images.test.length;
  let done = 0;
  for (const split of SPLITS) {
    const count = Math.max(1, Math.ceil(images[split].length / partImages));
    for (let number = 1; number <= count; number++) {
      const part = images[split].slice((number - 1) * partImages, number * partImages);
      const path = join(cache, `${split}-${number}-of-${count}.safetensors`);
      if ((await readPart(path, side)) === undefined) {
        const pixels = await decodeAll(source, part, decoding, (decoded) =>
          report(decoding, done + decoded, total),
        );
        const tensors: Omit<Part, 'classes'> = {
          images: { dtype: 'U8', shape: [part.length, side, side, CHANNELS], bytes: pixels },
          labels: { dtype: 'U8', shape: [part.length], bytes: Uint8Array.from(part, ({ label }) => label) },
        };
        writeSafetensors(path, new Map(Object.entries(tensors)), {
          classes: JSON.stringify(classes),
          sha256: checksum(tensors),
        });
      }
      done += part.length;
    }
  }
}

/** The sets, if all their parts are there and whole. */
async function readParts(cache: string, side: Side): Promise<TinyImageNet | undefined> {
  const present = await readdir(cache).catch(() => []);
  const sets: Dataset[] = [];
  for (const split of SPLITS) {
    const names = present.filter((name) => PART_NAME.exec(name)?.[1] === split);
    const [count, ...others] = new Set(names.map((name) => Number(PART_NAME.exec(name)?.[3])));
    if (others.length > 0 || names.length !== count) return undefined;
    let pixels = new Uint8Array(0);
    let labels = new Uint8Array(0);
    let classes: string[] = [];
    let size = 0;
    for (let number = 1; number <= count; number++) {
      const part = await readPart(join(cache, `${split}-${number}-of-${count}.safetensors`), side);
      if (part === undefined) return undefined;
      if (number === 1) {
        // The first part is the largest. Each is copied at once, so that not all are in memory twice.
        pixels = new Uint8Array(count * part.images.bytes.length);
        labels = new Uint8Array(count * part.labels.bytes.length);
        classes = part.classes;
      }
      if (size + part.labels.bytes.length > labels.length) return undefined;
      pixels.set(part.images.bytes, size * side * side * CHANNELS);
      labels.set(part.labels.bytes, size);
      size += part.labels.bytes.length;
    }
    sets.push(
      dataset(
        split,
        side,
        pixels.subarray(0, size * side * side * CHANNELS),
        labels.subarray(0, size),
        classes,
      ),
    );
  }
  return { train: sets[0], test: sets[1] };
}

/** One file of the cache; undefined if it is missing or damaged: it is then removed, to be made again. */
async function readPart(path: string, side: Side): Promise<Part | undefined> {
  try {
    const { tensors, metadata } = await readSafetensors(path);
    const images = tensors.get('images');
    const labels = tensors.get('labels');
    if (images === undefined || labels === undefined || images.shape[1] !== side)
      throw new DataError(`${path} has other tensors.`);
    if (checksum({ images, labels }) !== metadata.sha256) throw new DataError(`${path} is damaged.`);
    return { images, labels, classes: JSON.parse(metadata.classes) as string[] };
  } catch {
    await rm(path, { force: true });
    return undefined;
  }
}

function checksum({ images, labels }: Omit<Part, 'classes'>): string {
  return createHash('sha256').update(images.bytes).update(labels.bytes).digest('hex');
}
