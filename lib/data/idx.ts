/**
 * The IDX format of MNIST, and the data sets that come in it: MNIST, Fashion-MNIST and Kuzushiji-MNIST.
 *
 * The format (http://yann.lecun.com/exdb/mnist): two zero bytes, the type of the numbers (8: unsigned bytes),
 * the number of dimensions, each dimension as a big-endian 32-bit number, then the numbers, row-major. Files
 * may be gzipped.
 */
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, gunzip, gunzipSync } from 'node:zlib';
import { DataError } from '../core/errors';
import { checkOptions, type OptionsOf, text } from '../core/options';
import { isMissing, readRegularFile } from '../files/regularFile';
import { Dataset } from './dataset';
import { DOWNLOAD, type DownloadOptions, downloadsFolder, obtain } from './download';

/** An array of bytes with its shape. */
export interface IdxArray {
  /** Lengths of its dimensions, the slowest first: `[10000, 28, 28]` for images. */
  shape: number[];
  /** The bytes, row-major. */
  data: Uint8Array;
}

const FOLDER = {
  /**
   * A folder with your own four files (`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-...`, with
   * or without `.gz`), of any number of images; only their format is checked. Default: the published files,
   * verified by checksum, in the project's `data/downloads/`, downloaded if they are missing.
   */
  folder: text(),
};

/** Options of the loaders of IDX data sets. */
export type IdxOptions = OptionsOf<typeof FOLDER> & DownloadOptions;

/** A published training set and test set: 10 classes, gray images, `inputShape` `[28, 28, 1]`. */
export interface TrainTest {
  /** 60,000 images. */
  train: Dataset;
  /** 10,000 images. */
  test: Dataset;
}

/** The four files of an IDX data set, by their name without `.gz`. */
const FILES = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
] as const;

interface IdxSource {
  name: string;
  classes: string[];
  /** Folders on the network that have the gzipped files. */
  mirrors: string[];
  /** Size and SHA-256 of each of `FILES`, gzipped. */
  files: [bytes: number, sha256: string][];
}

/** Numbers of a larger array are not read. The largest published set has half as many. */
const LARGEST_ARRAY = 1 << 30;
/** Zipped bytes that are enough for a header. */
const ZIPPED_HEADER = 1 << 12;

const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

const MNIST: IdxSource = {
  name: 'mnist',
  classes: DIGITS,
  mirrors: [
    'https://storage.googleapis.com/cvdf-datasets/mnist',
    'https://ossci-datasets.s3.amazonaws.com/mnist',
  ],
  files: [
    [9_912_422, '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609'],
    [28_881, '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c'],
    [1_648_877, '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6'],
    [4_542, 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6'],
  ],
};

const FASHION_MNIST: IdxSource = {
  name: 'fashion-mnist',
  classes: [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ],
  mirrors: [
    'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com',
    'https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion',
  ],
  files: [
    [26_421_880, '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84'],
    [29_515, 'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845'],
    [4_422_102, '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073'],
    [5_148, '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5'],
  ],
};

const KMNIST: IdxSource = {
  name: 'kmnist',
  classes: ['o', 'ki', 'su', 'tsu', 'na', 'ha', 'ma', 'ya', 're', 'wo'],
  mirrors: ['http://codh.rois.ac.jp/kmnist/dataset/kmnist', 'https://codh.rois.ac.jp/kmnist/dataset/kmnist'],
  files: [
    [18_165_135, '51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4'],
    [29_497, 'e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17'],
    [3_041_136, 'edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5'],
    [5_120, '20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c'],
  ],
};

/**
 * The whole MNIST database: 60,000 and 10,000 handwritten digits. For the 10,000 that need no download see
 * `mnist`.
 *
 * @throws DataError if a file is missing, damaged or not of the format.
 */
export function fullMnist(options: IdxOptions = {}): Promise<TrainTest> {
  return load('fullMnist', MNIST, options);
}

/**
 * Fashion-MNIST: gray images of clothes. H. Xiao, K. Rasul, R. Vollgraf, 2017, arXiv:1708.07747 (MIT).
 *
 * @throws DataError if a file is missing, damaged or not of the format.
 */
export function fashionMnist(options: IdxOptions = {}): Promise<TrainTest> {
  return load('fashionMnist', FASHION_MNIST, options);
}

/**
 * Kuzushiji-MNIST: cursive hiragana. T. Clanuwat et al., 2018, arXiv:1812.01718 (CC BY-SA 4.0).
 *
 * @throws DataError if a file is missing, damaged or not of the format.
 */
export function kmnist(options: IdxOptions = {}): Promise<TrainTest> {
  return load('kmnist', KMNIST, options);
}

/**
 * Reads an IDX file of unsigned bytes, gzipped or not.
 *
 * @param path Of the file; if there is none, the same with `.gz` is tried.
 * @throws DataError if it is missing, damaged, or not an IDX file of unsigned bytes.
 */
export async function readIdx(path: string): Promise<IdxArray> {
  const content = await readMaybeGzipped(path);
  const { start, shape, size } = readHeader(content, path);
  if (content.length !== start + size) {
    throw new DataError(
      `${path} is damaged: ${content.length - start} numbers, but its header says ` +
        `${shape.join(' x ')} = ${size}.`,
    );
  }
  return { shape, data: new Uint8Array(content.buffer, content.byteOffset + start, size) };
}

/** Where the numbers begin, the shape, and how many numbers that are. */
function readHeader(content: Buffer, path: string): { start: number; shape: number[]; size: number } {
  const type = content.length >= 4 && content[0] === 0 && content[1] === 0 ? content[2] : undefined;
  if (type !== 8)
    throw new DataError(`${path} is not an IDX file of unsigned bytes (it should begin with 00 00 08).`);
  const dimensions = content[3];
  const start = 4 + 4 * dimensions;
  if (content.length < start) throw new DataError(`${path} is cut off within its header.`);
  const shape = Array.from({ length: dimensions }, (_, i) => content.readUInt32BE(4 + 4 * i));
  const size = shape.reduce((product, n) => product * n, 1);
  if (size > LARGEST_ARRAY) {
    throw new DataError(
      `${path} is too large: its header says ${shape.join(' x ')} ` +
        `numbers, at most ${LARGEST_ARRAY} are read.`,
    );
  }
  return { start, shape, size };
}

async function load(what: string, source: IdxSource, options: IdxOptions): Promise<TrainTest> {
  const { folder, ...downloading } = checkOptions(what, { ...FOLDER, ...DOWNLOAD }, options);
  const paths: string[] = [];
  for (const [i, file] of FILES.entries()) {
    if (folder !== undefined) {
      paths.push(join(folder, file));
    } else {
      const [bytes, sha256] = source.files[i];
      const path = join(downloadsFolder(), source.name, `${file}.gz`);
      const urls = source.mirrors.map((mirror) => `${mirror}/${file}.gz`);
      paths.push(await obtain({ path, urls, bytes, sha256 }, downloading));
    }
  }
  return {
    train: await pair(source, 'train', paths[0], paths[1]),
    test: await pair(source, 'test', paths[2], paths[3]),
  };
}

/** Joins a file of images with its file of labels. */
async function pair(
  { name, classes }: IdxSource,
  split: string,
  imagesPath: string,
  labelsPath: string,
): Promise<Dataset> {
  const images = await readIdx(imagesPath);
  const labels = await readIdx(labelsPath);
  if (images.shape.length !== 3)
    throw new DataError(`${imagesPath} has ${images.shape.length} dimensions, expected 3.`);
  if (labels.shape.length !== 1 || labels.shape[0] !== images.shape[0]) {
    throw new DataError(
      `${labelsPath} has labels of shape [${labels.shape}] for the ` +
        `${images.shape[0]} images of ${imagesPath}.`,
    );
  }
  const unknown = labels.data.find((label) => label >= classes.length);
  if (unknown !== undefined)
    throw new DataError(`${labelsPath} has a label ${unknown}, expected 0 to ${classes.length - 1}.`);
  const inputShape = [images.shape[1], images.shape[2], 1];
  return new Dataset({
    name,
    split,
    inputs: images.data,
    labels: labels.data,
    inputShape,
    classes,
    scale: 1 / 255,
  });
}

async function readMaybeGzipped(path: string): Promise<Buffer> {
  const content = readFirst(path.endsWith('.gz') ? [path] : [path, `${path}.gz`]);
  if (content[0] !== 0x1f || content[1] !== 0x8b) return content;
  const damaged = (error: unknown): never => {
    throw new DataError(`${path} is damaged: it cannot be unzipped (${(error as Error).message}).`, {
      cause: error,
    });
  };
  let beginning: Buffer;
  try {
    beginning = gunzipSync(content.subarray(0, ZIPPED_HEADER), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    return damaged(error);
  }
  // Never more memory than the header asks for: a few bytes can unfold to a thousand times as many.
  const { start, shape, size } = readHeader(beginning, path);
  return promisify(gunzip)(content, { maxOutputLength: start + size }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ERR_BUFFER_TOO_LARGE') return damaged(error);
      throw new DataError(
        `${path} is damaged: more numbers than its header says, ${shape.join(' x ')} = ${size}.`,
        {
          cause: error,
        },
      );
    },
  );
}

/** The content of the first of `paths` that exists. */
function readFirst([path, ...others]: string[]): Buffer {
  try {
    return readRegularFile(path);
  } catch (error) {
    if (isMissing(error) && others.length > 0) return readFirst(others);
    throw error;
  }
}
