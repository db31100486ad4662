/** Formulas of a page as MathML, which browsers draw by themselves: without a script or a network. */
import temml from 'temml';

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
  return page.replace(TEXT, (_, text) => text.replace(PIECE, drawn));
}

/**
 * A formula; any other piece as it is.
 * @param {string} piece @param {string | undefined} _tag @param {string} [display] @param {string} [inline]
 */
function drawn(piece, _tag, display, inline) {
  const formula = display ?? inline;
  if (formula === undefined) return piece;
  const tex = formula.replace(/&(?:lt|gt|quot|#39|amp);/g, (character) => CHARACTERS[character] ?? character);
  return temml.renderToString(tex, { displayMode: display !== undefined, throwOnError: false });
}
