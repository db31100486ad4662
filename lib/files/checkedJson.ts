/**
 * The one JSON of the library's files: NaN and the infinities, which diverged runs have, survive as the
 * strings "NaN", "Infinity" and "-Infinity", and a record may carry a checksum that tells damage.
 */
import { crc32 } from 'node:zlib';
import { DataError } from '../core/errors';

const NOT_FINITE: ReadonlyMap<unknown, number> = new Map(
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value) => [String(value), value]),
);

/** `JSON.stringify`, with numbers that are not finite as strings. */
export function stringifyNumbers(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, item) => (typeof item === 'number' && !Number.isFinite(item) ? String(item) : item),
    indent,
  );
}

/** The inverse of `stringifyNumbers`. Throws a SyntaxError if `text` is not JSON. */
export function parseNumbers(text: string): unknown {
  return JSON.parse(text, (_key, item) => NOT_FINITE.get(item) ?? item);
}

/** `stringifyNumbers` of a record, with the CRC-32 of its content as the last field, `crc32`. */
export function stringifyChecked(record: object, indent?: number): string {
  return stringifyNumbers({ ...record, crc32: crc32(stringifyNumbers(record)) }, indent);
}

/** The inverse of `stringifyChecked`. Throws a DataError if `text` is no such record, or is damaged. */
export function parseChecked(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = parseNumbers(text);
  } catch (error) {
    throw new DataError(`This is not JSON: ${(error as Error).message}.`, { cause: error });
  }
  const { crc32: expected, ...record } = Object(parsed) as Record<string, unknown>;
  if (expected !== crc32(stringifyNumbers(record)))
    throw new DataError('This is damaged: its checksum is another.');
  return record;
}
