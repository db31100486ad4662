/**
 * The optical recognition of handwritten digits data set of UCI, as 8 x 8 images: the 1,797 samples that
 * scikit-learn has.
 *
 * E. Alpaydin and C. Kaynak, 1998, https://doi.org/10.24432/C50P49 (CC BY 4.0): data/digits/README.md.
 */
import { DataError } from '../core/errors';
import { Dataset } from './dataset';
import { readShipped } from './files';

/** The sets of `digits()`: 10 classes, gray images, `inputShape` `[8, 8, 1]`, values in [0, 1]. */
export interface Digits {
  /** 640 images. */
  train: Dataset;
  /** 400 images to choose settings on. */
  selection: Dataset;
  /** 757 images. */
  test: Dataset;
}

const SIZE = 1797;
const PIXELS = 64;
const FILE = { folder: 'digits', sha256: '87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826' };
/** Pixels, then labels. */
const BYTES = SIZE * (PIXELS + 1);

/**
 * The 8 x 8 digits, which ship with the project, in a fixed stratified split (seed 0): every class has its
 * share of each set. Stored as bytes 0 to 16, `scale` 1/16.
 *
 * @param content The content of the file `data/digits/digits.bin`: for a browser, which has no files.
 *   Default: it is read.
 * @throws DataError where the file is missing or damaged, or where `content` has another size.
 */
export function digits(content: Uint8Array = readShipped(FILE)): Digits {
  if (content.length !== BYTES)
    throw new DataError(`digits.bin has ${BYTES} bytes, but ${content.length} were given.`);
  const all = new Dataset({
    name: 'digits',
    split: 'all',
    inputs: new Uint8Array(content.subarray(0, SIZE * PIXELS)),
    labels: content.subarray(SIZE * PIXELS),
    inputShape: [8, 8, 1],
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    scale: 1 / 16,
  });
  return all.partition({
    fractions: { train: 640 / SIZE, selection: 400 / SIZE, test: 757 / SIZE },
    seed: 0,
    stratified: true,
  });
}
