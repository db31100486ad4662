/** Text in a cell's output with numbers filled in, so that no sentence says what the results no longer do. */
import { type Estimate, formatEstimate } from '../statistics';
import { displayBundle } from './display';

/** What is filled in: a text as it is, a number with three digits, an estimate with its interval. */
export type Said = string | number | Pick<Estimate, 'estimate' | 'low' | 'high'>;

/**
 * Shows Markdown in the cell's output; outside a notebook it is printed.
 *
 * @example
 * say`Lookbehind's error minus SAM's is ${difference} points, for ${ratio} times the gradients.`;
 */
export function say(texts: TemplateStringsArray, ...values: readonly Said[]): void {
  const markdown = String.raw({ raw: texts }, ...values.map(textOf)).trim();
  if (!displayBundle({ 'text/markdown': markdown, 'text/plain': markdown })) console.log(markdown);
}

function textOf(value: Said): string {
  if (typeof value === 'object') return formatEstimate(value);
  return typeof value === 'string' || Number.isInteger(value)
    ? String(value)
    : String(Number(value.toPrecision(3)));
}
