/** Formulas of a page as MathML, which browsers draw by themselves: without a script or a network. */
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

/** What the template puts around a text that was written in Markdown. */
const TEXT = /<!-- text -->([\s\S]*?)<!-- end of text -->/g;
/** Code and tags, in which a dollar is a dollar; then formulas on a line of their own, and within one. */
const PIECE = /<(pre|code)\b[\s\S]*?<\/\1>|<[^>]*>|\$\$([^$<]+)\$\$|\$([^$<]+)\$/g;
/** @type {Record<string, string>} */
const CHARACTERS = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' };

/**
 * Draws the formulas in the texts of an exported notebook; one that is wrong stays as it was written, in red.
 * @param {string} page
 */
export function drawFormulas(page) {
  const temml = load('temml'); // not at the top: set-up installs it
  /** A formula; any other piece as it is. @type {(...match: (string | undefined)[]) => string} */
  const drawn = (piece = '', _tag, display, inline) => {
    const formula = display ?? inline;
    if (formula === undefined) return piece;
    const tex = formula.replace(/&[#\w]+;/g, (one) => CHARACTERS[one] ?? one);
    return temml.renderToString(tex, { displayMode: display !== undefined, throwOnError: false });
  };
  return page.replace(TEXT, (_, text) => text.replace(PIECE, drawn));
}
