/** Methods as figures name and draw them. */
import { figureText } from '../core/escape';
import { METHOD_NAMES, METHODS, type Method } from '../core/methods';
import { mix } from './theme';

/** How a method is drawn, everywhere. */
export type MethodStyle = Required<Pick<Method, 'label' | 'color' | 'dash' | 'symbol'>>;

/** Dashes by the rule that perturbs the weights. */
const DASHES = { SAM: 'solid', ASAM: 'dash', none: 'dot' } as const;

/** What is drawn: a method, with its number of inner steps if several are compared. */
export interface MethodLabel {
  /** Name of the method; fixes color, dash and marker (see `methodStyle`). */
  method: string;
  /** Number of inner steps: shades the method's color. */
  k?: number;
  /** Text in the legend. Default: the method's label, with k if it is given. */
  label?: string;
}

/** What is drawn, with its text in the legend, as `figureText` writes it, and its style. */
export type Styled<T> = T & { name: string; style: MethodStyle };

/** The parts of one figure with their names and styles: no two unknown methods look alike. */
export function styled<T extends MethodLabel>(parts: readonly T[]): Styled<T>[] {
  const styles = methodStyles(parts);
  return parts.map((part, i) => ({
    ...part,
    name: figureText(part.label ?? styles[i]!.label),
    style: styles[i]!,
  }));
}

/**
 * For methods that the library doesn't know: told apart from the known ones, and from each other, by hue and
 * marker.
 */
const OTHERS: readonly Omit<MethodStyle, 'label' | 'dash'>[] = [
  { color: '#5e4fa2', symbol: 'pentagon' },
  { color: '#7a6a00', symbol: 'star' },
  { color: '#a50026', symbol: 'hourglass' },
  { color: '#3f7d7d', symbol: 'triangle-down' },
  { color: '#4d9221', symbol: 'hexagram' },
  { color: '#b37feb', symbol: 'bowtie' },
  { color: '#32383f', symbol: 'star-diamond' },
  { color: '#e7298a', symbol: 'star-triangle-up' },
];

/** If a figure has more unknown methods than there are hues, the dashes begin anew. */
const OTHER_DASHES = ['dashdot', 'longdash', '2px,2px'] as const;

/**
 * Color, dash, marker and label of a method.
 *
 * @param method A `MethodName` or label, in any spelling of capitals, blanks and hyphens. An unknown name
 *   keeps itself as label and gets a spare style: the same one in each figure, unless another unknown name
 *   there took it first.
 * @param k Inner steps: shade the color (1 light, 10 dark) and are added to the label. Default: the plain
 * color.
 */
export function methodStyle(method: string, k?: number): MethodStyle {
  return methodStyles([{ method, k }])[0]!;
}

/** The styles of the methods of one figure: as `methodStyle`, and up to 24 unknown names are told apart. */
export function methodStyles(methods: readonly { method: string; k?: number }[]): MethodStyle[] {
  const taken = new Map<number, string>();
  return methods.map(({ method, k }) => {
    const known = knownMethod(method);
    const style = known ? knownStyle(known) : spareStyle(method, taken);
    return k === undefined
      ? style
      : { ...style, label: `${style.label}, k = ${k}`, color: shade(style.color, k) };
  });
}

/** Whether a method, by its name or label, is a kind of Lookbehind: figures of many methods are about it. */
export function isLookbehind(method: string): boolean {
  return knownMethod(method)?.steps === 'lookbehind';
}

function knownMethod(method: string): Method | undefined {
  const known = METHOD_NAMES.find(
    (name) => plain(name) === plain(method) || plain(METHODS[name].label) === plain(method),
  );
  return known && METHODS[known];
}

function knownStyle({ label, color, symbol, rule, dash = DASHES[rule ?? 'none'] }: Method): MethodStyle {
  return { label, color, dash, symbol };
}

/** The spare style that a name's letters choose, or the next one that no other name has taken. */
function spareStyle(method: string, taken: Map<number, string>): MethodStyle {
  const count = OTHERS.length * OTHER_DASHES.length;
  const first = hash(method) % OTHERS.length;
  // All hues with the first dash, then with the next.
  const places = Array.from(
    { length: count },
    (_, i) => i - (i % OTHERS.length) + ((first + i) % OTHERS.length),
  );
  const place = places.find((one) => (taken.get(one) ?? method) === method) ?? first;
  taken.set(place, method);
  const { color, symbol } = OTHERS[place % OTHERS.length]!;
  return { label: method, color, dash: OTHER_DASHES[Math.floor(place / OTHERS.length)]!, symbol };
}

/**
 * Lighter for few inner steps, though never too pale for a line on white; darker for many. k = 5, that of the
 * paper, is the plain color.
 */
function shade(color: string, k: number): string {
  const position = Math.log(Math.min(Math.max(k, 1), 20) / 5);
  return position <= 0
    ? mix(color, '#ffffff', (-position / Math.log(5)) * 0.35)
    : mix(color, '#000000', (position / Math.log(4)) * 0.6);
}

/** A name without capitals, blanks and hyphens. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, '');
}

function hash(text: string): number {
  let value = 0;
  for (const letter of text) value = (value * 31 + letter.codePointAt(0)!) >>> 0;
  return value;
}
