/**
 * Texts of figures, as a browser draws them in cells of three widths: none is cut off, none covers another
 * one or the data. All samples are looked at, and all figures of the committed notebooks, at three places
 * of their sliders.
 *
 * Skipped where there is no Chromium (LB_CHROMIUM names one).
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { curves, type Figure } from 'lookbehind/figures';
import { type Browser, chromium } from 'playwright-core';
import { NARROW } from '../../lib/dist/figures/compose';
import { adaptable } from '../../lib/dist/notebook/bundle';
import { samples } from '../figures/samples';
import { ARGUMENTS, executablePath } from './chromium';
import { TextPage } from './drawnTexts';
import { notebookFigures } from './notebookFigures';

const FOLDER = join(__dirname, '..', '..', 'results', 'browser-texts');

/** Widths of cells: the narrowest that figures are made for, and those in windows of 950 and 1,400 pixels. */
const WIDTHS = [NARROW, 770, 1220];

describe(
  'texts of figures',
  { skip: executablePath ? false : 'no Chromium found: set LB_CHROMIUM to its path' },
  () => {
    let browser: Browser;
    let page: TextPage;

    before(async () => {
      mkdirSync(FOLDER, { recursive: true });
      browser = await chromium.launch({ executablePath: executablePath!, args: ARGUMENTS });
      page = await TextPage.open(browser);
    });
    after(() => browser?.close());

    test('are found where they meet, leave the figure or cover data', { timeout: 60_000 }, async () => {
      const figure = curves({
        series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]] }],
        title: 'T'.repeat(90),
      });
      const text = (text: string, x: number, y: number) => ({ text, x, y, showarrow: false });
      figure.layout.annotations = [text('first', 1.5, 1.5), text('second', 1.501, 1.5)];
      figure.layout.margin = { l: 70, r: 24, t: 74, b: 2 };
      (figure.layout.xaxis as { automargin?: boolean }).automargin = false;
      const faults = (await page.faults(adaptable(figure), 600)).join('\n');
      assert.match(faults, /"T+" leaves the figure/);
      assert.match(faults, /"first" .* meets "second"/);
    });

    const all = [
      ...Object.entries(samples).map(([name, make]) => ({ name, figure: adaptable(make()) as Figure })),
      ...notebookFigures(),
    ];
    for (const width of WIDTHS) {
      test(`are whole and apart in a cell of ${width} pixels`, { timeout: 120_000 }, async () => {
        const found: string[] = [];
        for (const { name, figure } of all) {
          if (figure.layout.width !== undefined && width > NARROW) continue;
          const faults = new Set<string>();
          for (const state of states(figure)) {
            for (const fault of await page.faults(state, width)) faults.add(fault);
          }
          if (faults.size === 0) continue;
          await page.picture(join(FOLDER, `${name}-${width}.png`));
          found.push(...[...faults].map((fault) => `${name}: ${fault}`));
        }
        assert.deepEqual(found, []);
      });
    }
  },
);

/** A figure at both ends of its slider and in the middle. */
function states({ frames, data, layout }: Figure): Figure[] {
  if (!frames) return [{ data, layout }];
  return [frames[0]!, frames[frames.length >> 1]!, frames.at(-1)!].map((frame) => ({
    data: data.map((trace, t) => ({ ...trace, ...frame.data[frame.traces.indexOf(t)] })),
    layout: { ...layout, ...frame.layout },
  }));
}
