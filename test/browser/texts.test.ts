/**
 * Texts of figures, as a browser draws them in the narrowest cell: none is cut off, none covers another one
 * or the data. All samples are looked at; texts.long.test.ts looks at the figures of the committed
 * notebooks, and at both in wide cells.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curves } from 'lookbehind/figures';
import { NARROW } from '../../lib/dist/figures/compose';
import { adaptable } from '../../lib/dist/notebook/bundle';
import { describeTexts, sampleFigures, testTexts } from './figureTexts';

describeTexts('texts of figures', (page) => {
  test('are found where they meet, leave the figure or cover data', { timeout: 60_000 }, async () => {
    const figure = curves({
      series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]] }],
      title: 'T'.repeat(90),
    });
    const text = (text: string, x: number, y: number) => ({ text, x, y, showarrow: false });
    figure.layout.annotations = [text('first', 1.5, 1.5), text('second', 1.501, 1.5)];
    figure.layout.margin = { l: 70, r: 24, t: 74, b: 2 };
    (figure.layout.xaxis as { automargin?: boolean }).automargin = false;
    const faults = (await page().faults(adaptable(figure), 600)).join('\n');
    assert.match(faults, /"T+" leaves the figure/);
    assert.match(faults, /"first" .* meets "second"/);
  });

  testTexts(page, 'those of samples', sampleFigures(), [NARROW]);
});
