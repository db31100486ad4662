/** Smallest and largest of many numbers: `Math.min(...values)` takes only so many. */
export function extent(values: readonly number[]): [smallest: number, largest: number] {
  return values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}
