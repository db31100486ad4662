/** Counts in words: what is one has no plural, whichever profile filled in the number. */

const ONES = /(?<![\d.,])1 (batch|draw|epoch|run|seed|setting|step)(?:e?s)\b/g;

/** The text with `1 seed` for `1 seeds`. */
export function inSingular(text: string): string {
  return text.replace(ONES, '1 $1');
}
