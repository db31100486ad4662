/**
 * Ticks of logarithmic axes in one size, none over another: as numbers (1, 2, 5, 10 ...) over up to three
 * decades, else as powers of ten. By itself plotly.js writes powers a quarter larger than other labels, and
 * digits between them a quarter smaller.
 */
import { extent } from './extent';
import type { Axis, Trace } from './figure';
import { COLORS } from './theme';

/** Pixels that a decade needs for labels at 1, 2 and 5, and for labels at 1 and 3. */
const ROOM = { three: 115, two: 100 };

/** First digits of ticks on a part of a decade: the first of these with three ticks inside is taken. */
const PARTS = [
  [1, 1.5, 2, 3, 5, 7],
  [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9],
];

/** A logarithmic axis with its ticks in place of its own; others as they are. `pixels`: its length. */
export function withLogTicks(given: Axis, data: readonly Trace[], letter: 'x' | 'y', pixels = 500): Axis {
  if (given.type !== 'log') return given;
  const { dtick: _, tickvals: __, tickformat: ___, exponentformat: ____, tickfont: _____, ...axis } = given;
  const drawn = data.flatMap((trace) => Array.from((trace[letter] as ArrayLike<number> | undefined) ?? []));
  const logs = drawn.filter((value) => value > 0).map(Math.log10);
  const [first, last] = (axis.range as [number, number] | undefined) ?? extent(logs);
  // Around a single value plotly.js shows a decade on each side.
  const [low, high] = first === last ? [first - 1, last + 1] : [first, last];
  const decades = high - low;
  if (decades > 3) {
    const tickfont = { size: 12 / 1.25, color: COLORS.muted };
    return { ...axis, exponentformat: 'power', dtick: Math.ceil(decades / 8), tickfont };
  }
  const plain = { ...axis, tickformat: '~g' };
  const decade = pixels / decades;
  const exponents = Array.from(
    { length: Math.ceil(high) - Math.floor(low) + 1 },
    (_, i) => Math.floor(low) + i,
  );
  const at = (digits: readonly number[]) => ({
    tickvals: exponents.flatMap((exponent) => digits.map((digit) => Number(`${digit}e${exponent}`))),
  });
  // plotly.js itself would write many numbers into a part of a decade.
  if (decades <= 0.7) {
    const inside = ({ tickvals }: { tickvals: number[] }): number =>
      tickvals.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high).length;
    const round = PARTS.map(at).find((ticks) => inside(ticks) > 2);
    return { ...plain, ...round };
  }
  if (letter === 'y' || decade >= ROOM.three) return { ...plain, dtick: 'D2' };
  // At least two labels: the powers alone, if so many lie inside.
  if (decade < ROOM.two && Math.floor(high) > Math.ceil(low)) return { ...plain, dtick: 1 };
  return { ...plain, ...at([1, 3]) };
}
