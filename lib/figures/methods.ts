/** Methods as figures name and draw them. */
import { figureText } from '../core/escape';
import { type MethodStyle, methodStyles } from './theme';

/** What is drawn: a method, with its number of inner steps where several are compared. */
export interface MethodLabel {
  /** Name of the method; fixes colour, dash and marker (see `methodStyle`). */
  method: string;
  /** Number of inner steps: shades the method's colour. */
  k?: number;
  /** Text in the legend. Default: the method's label, with k where given. */
  label?: string;
}

/** What is drawn, with its text in the legend, as `figureText` writes it, and its style. */
export type Styled<T> = T & { name: string; style: MethodStyle };

/** The parts of one figure with their names and styles: no two unknown methods look alike. */
export function styled<T extends MethodLabel>(parts: readonly T[]): Styled<T>[] {
  const styles = methodStyles(parts);
  return parts.map((part, i) => ({ ...part, name: figureText(part.label ?? styles[i]!.label), style: styles[i]! }));
}
