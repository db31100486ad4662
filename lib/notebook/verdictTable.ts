/** The findings of a notebook, computed, as the table that closes it. */

import { renderTable } from '../statistics/table';
import { type Check, judge } from '../statistics/verdict';
import { displayBundle } from './display';

/** In which form the output of a cell holds verdicts for the READMEs: the list that `judge` returns. */
const VERDICTS = 'application/vnd.lookbehind.verdicts+json';

/**
 * Shows what checks decide, in the cell's output; outside a notebook the table is printed. The first check is
 * the notebook's headline: `npm run notebooks` fills the READMEs from this output.
 *
 * @throws OptionError for a claim of another kind.
 */
export function verdictTable(checks: readonly Check[]): void {
  const judged = judge(checks);
  const withCost = judged.some(({ cost }) => cost !== '');
  const rows = judged.map(({ claim, protocol, found, n, comparisons, cost, verdict }) => {
    return {
      claim,
      verdict,
      'estimate [95 % interval]': found,
      n,
      'corrected for': comparisons,
      ...(withCost && { gradients: cost }),
      protocol,
    };
  });
  const { html, markdown, text } = renderTable(rows, {
    caption: 'What was claimed, and what is decided here',
  });
  const bundle = { 'text/html': html, 'text/markdown': markdown, 'text/plain': text, [VERDICTS]: judged };
  if (!displayBundle(bundle)) console.log(text);
}
