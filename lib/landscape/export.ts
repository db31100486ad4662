/**
 * Surfaces as files for other tools: JSON, and NumPy's npz with the names that github.com/tomgoldstein/loss-landscape uses in its h5 files.
 */

import { DataError } from '../core/errors';
import { checksumOf } from '../files/crc32';
import { parseNumbers, stringifyNumbers } from '../files/numberJson';
import { npy, zip } from './npz';
import type { Surface } from './surface';

/** Names the format and its version. */
const FORMAT = 'lookbehind-surface-export/1';
/** The fields of surfaces that have no checksum: in other names a checksum may be damaged. */
const FIELDS: ReadonlySet<string> = new Set([
  ...['x', 'y', 'loss', 'accuracy', 'evaluated', 'labels', 'complete', 'centre', 'centreDeviation', 'provenance'],
]);

/** A surface as JSON text, with a checksum; numbers that are not finite are strings. Read it with `surfaceFromJson`. */
export function surfaceToJson(surface: Surface): string {
  return stringifyNumbers({ format: FORMAT, ...surface, crc32: checksumOf(surface) });
}

/** The inverse of `surfaceToJson`. Throws a DataError for other or damaged text. */
export function surfaceFromJson(text: string): Surface {
  let parsed: ({ format?: unknown; crc32?: unknown } & Partial<Surface>) | null;
  try {
    parsed = parseNumbers(text) as typeof parsed;
  } catch (error) {
    throw new DataError(`This is not JSON: ${(error as Error).message}.`, { cause: error });
  }
  const { format, crc32: expected, ...surface } = typeof parsed === 'object' && parsed !== null ? parsed : {};
  if (format !== FORMAT) throw new DataError(`This is not a surface: its format is ${JSON.stringify(format)}, not "${FORMAT}".`);
  // Files of earlier versions have no checksum.
  const whole =
    expected === undefined ? Object.keys(surface).every((name) => FIELDS.has(name)) : expected === checksumOf(surface);
  if (!whole) throw new DataError('This surface is damaged: its checksum is another.');
  return surface as Surface;
}

/**
 * A surface as the bytes of an npz file (`numpy.load`): `xcoordinates` (nx), `ycoordinates` (ny), `train_loss` and `train_acc` (nx x ny, the latter in
 * percent, as loss-landscape has it), all float64.
 *
 * @param split Which data the losses are of: names them `<split>_loss` and `<split>_acc`. Default `'train'`.
 */
export function surfaceToNpz(surface: Surface, split: 'train' | 'test' = 'train'): Uint8Array {
  const { x, y, loss, accuracy } = surface;
  const shape = [x.length, y.length];
  return zip({
    'xcoordinates.npy': npy(x, [x.length]),
    'ycoordinates.npy': npy(y, [y.length]),
    [`${split}_loss.npy`]: npy(loss.flat(), shape),
    [`${split}_acc.npy`]: npy(
      accuracy.flat().map((share) => 100 * share),
      shape,
    ),
  });
}
