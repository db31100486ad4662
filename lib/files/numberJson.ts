/**
 * JSON in which NaN and the infinities survive, as the strings "NaN", "Infinity" and "-Infinity". Diverged runs have them.
 */

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

/** The inverse of `stringifyNumbers`. Throws a SyntaxError where `text` is not JSON. */
export function parseNumbers(text: string): unknown {
  return JSON.parse(text, (_key, item) => NOT_FINITE.get(item) ?? item);
}
