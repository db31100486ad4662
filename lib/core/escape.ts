/**
 * Text is text: what a label, a caption or an error message holds is shown as it is, wherever it goes.
 *
 *     escapeHtml        text of an HTML element, and its quoted attributes
 *     escapeMarkdown    one line of Markdown, also a cell of a table
 *     figureText        what plotly.js draws: pseudo-HTML with entities, templates of hover texts, formulas
 *                       between dollar signs
 *     escapeCsv         one cell of CSV (RFC 4180) that no spreadsheet takes for a formula
 *     terminalText      a terminal, without escape sequences; terminalLine: in one line
 *     shellWord         one word of a shell script
 */

/**
 * Characters that no document holds: control characters but for tab and line ends, and halves of surrogate
 * pairs.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|\p{Surrogate}/gu;
/** Characters that turn the direction in which letters are shown, so that a text looks like another one. */
const TURNING = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text that is safe inside HTML. */
export function escapeHtml(text: string): string {
  return printable(text)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;');
}

/**
 * Text that is safe as a line of Markdown or a cell of its tables: no markup, no HTML, no link, no new line.
 */
export function escapeMarkdown(text: string): string {
  return oneLine(printable(text))
    .replace(/[\\`*_[\]<>|~$&]/g, '\\$&')
    .replace(/:(?=\/\/)/g, '\\:')
    .replace(/\bwww\./gi, (start) => `${start.slice(0, -1)}\\.`)
    .replace(/^(\d+)([.)])(?=\s|$)/, '$1\\$2')
    .replace(/^(?=[#+=])/, '\\')
    .replace(/^-(?=\s|-|$)/, '\\-');
}

/** A hyphen that stands for the minus sign of a number. */
const MINUS = /(?<![\p{L}\p{N}_)\]-])-(?=\.?\d)/gu;

/**
 * Text as plotly.js draws it, with minus signs as on its own ticks. But for these, `plainFigureText` is the
 * way back.
 */
export function figureText(text: string | undefined): string {
  return oneLine(printable(text ?? ''))
    .replace(MINUS, '−')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/\$/g, '&#36;')
    .replace(/%\{/g, '%&#123;');
}

/**
 * The title of an axis in space, which plotly.js draws without entities: a tag is broken by a letter without
 * width.
 */
export function sceneText(text: string): string {
  return oneLine(printable(text)).replace(/</g, '<\u200b');
}

/** What the title of an axis in space says. */
export function plainSceneText(text: string): string {
  return text.replaceAll('<\u200b', '<');
}

/**
 * What a text of a figure says: without the library's markup, with the characters that `figureText` wrote
 * otherwise.
 */
export function plainFigureText(text: string): string {
  return text
    .replace(/<[^>]*>/g, '')
    .replace(/&#123;/g, '{')
    .replace(/&#36;/g, '$')
    .replace(/&gt;/g, '>')
    .replace(/&lt;/g, '<')
    .replace(/&amp;/g, '&');
}

/**
 * Text as a cell of CSV. What a spreadsheet would compute is led by an apostrophe, as its authors advise;
 * numbers stay as they are.
 */
export function escapeCsv(text: string): string {
  const computed = /^[=+\-@\t\r]/.test(text) && !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text);
  const cell = computed ? `'${text}` : text;
  return /[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/**
 * Text for a terminal: what would move its cursor, color it or turn its letters is written out, `\x1b`.
 * Lines stay.
 */
export function terminalText(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .replace(/\r/g, '\\r')
    .replace(UNPRINTABLE, written)
    .replace(TURNING, written);
}

/** Text for one line of a terminal. */
export function terminalLine(text: string): string {
  return terminalText(oneLine(text));
}

/** Text as one word of a shell script. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function printable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}

function oneLine(text: string): string {
  return text.replace(/[\t\n\r\u2028\u2029]+/g, ' ');
}

function written(letter: string): string {
  const code = letter.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
}
