/**
 * Surfaces as files for other tools: JSON, and NumPy's npz with the names that
 * github.com/tomgoldstein/loss-landscape uses in its h5 files.
 */
import { zipSync } from 'fflate';
import { DataError } from '../core/errors';
import { parseChecked, stringifyChecked } from '../files/checkedJson';
import type { Surface } from './surface';

/** Names the format and its version. */
const FORMAT = 'lookbehind-surface-export/2';

/**
 * A surface as JSON text, with a checksum; numbers that are not finite are strings. Read it with
 * `surfaceFromJson`.
 */
export function surfaceToJson(surface: Surface): string {
  return stringifyChecked({ format: FORMAT, ...surface });
}

/** The inverse of `surfaceToJson`. Throws a DataError for other or damaged text. */
export function surfaceFromJson(text: string): Surface {
  const { format, ...surface } = parseChecked(text);
  if (format !== FORMAT)
    throw new DataError(`This is not a surface: its format is ${JSON.stringify(format)}, not "${FORMAT}".`);
  return surface as unknown as Surface;
}

/**
 * A surface as the bytes of an npz file (`numpy.load`): `xcoordinates` (nx), `ycoordinates` (ny),
 * `train_loss` and `train_acc` (nx x ny, the latter in percent, as loss-landscape has it), all float64.
 *
 * @param split Which data the losses are of: names them `<split>_loss` and `<split>_acc`. Default `'train'`.
 */
export function surfaceToNpz(surface: Surface, split: 'train' | 'test' = 'train'): Uint8Array {
  const { x, y, loss, accuracy } = surface;
  const shape = [x.length, y.length];
  const percent = accuracy.flat().map((share) => 100 * share);
  return zipSync(
    {
      'xcoordinates.npy': npy(x, [x.length]),
      'ycoordinates.npy': npy(y, [y.length]),
      [`${split}_loss.npy`]: npy(loss.flat(), shape),
      [`${split}_acc.npy`]: npy(percent, shape),
    },
    // Stored, as NumPy does, and the same bytes at any time.
    { level: 0, mtime: new Date(1980, 0, 1) },
  );
}

/**
 * An array of float64 numbers in npy format 1.0
 * (numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
 */
function npy(values: readonly number[], shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dictionary = `{'descr': '<f8', 'fortran_order': False, 'shape': ${tuple}, }`;
  // Magic, version and length take 10 bytes; the data start at a multiple of 64.
  const header = `${dictionary.padEnd(Math.ceil((10 + dictionary.length + 1) / 64) * 64 - 11)}\n`;
  const bytes = Buffer.alloc(10 + header.length + 8 * values.length);
  bytes.write('\x93NUMPY\x01\x00', 'latin1');
  bytes.writeUInt16LE(header.length, 8);
  bytes.write(header, 10, 'latin1');
  for (const [i, value] of values.entries()) bytes.writeDoubleLE(value, 10 + header.length + 8 * i);
  return bytes;
}
