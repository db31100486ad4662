/** A bar of text, for one line of a terminal that is written again and again. */

/** Goes to the beginning of the line, and erases it. */
export const ERASE_LINE = '\r\u001b[2K';

/** Twenty columns, of which `share`, 0 to 1, are filled. */
export function progressBar(share: number): string {
  const filled = Math.round(20 * share);
  return '█'.repeat(filled) + '░'.repeat(20 - filled);
}
