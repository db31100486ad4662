/**
 * Figures drawn in a browser, in cells of a width: no text is cut off, none covers another or the data.
 *
 * Skipped where there is no Chromium (LB_CHROMIUM names one).
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Figure } from 'lookbehind/figures';
import { type Browser, chromium } from 'playwright-core';
import { NARROW } from '../../lib/dist/figures/compose';
import { adaptable } from '../../lib/dist/notebook/bundle';
import { samples } from '../figures/samples';
import { ARGUMENTS, executablePath } from './chromium';
import { TextPage } from './drawnTexts';
import type { notebookFigures } from './notebookFigures';

const FOLDER = join(__dirname, '..', '..', 'results', 'browser-texts');

/** A suite with a page to draw on. */
export function describeTexts(name: string, tests: (page: () => TextPage) => void): void {
  describe(name, { skip: executablePath ? false : 'no Chromium found: set LB_CHROMIUM to its path' }, () => {
    let browser: Browser;
    let page: TextPage;

    before(async () => {
      browser = await chromium.launch({ executablePath: executablePath!, args: ARGUMENTS });
      page = await TextPage.open(browser);
    });
    after(() => browser?.close());

    tests(() => page);
  });
}

/** A figure and its name. */
type NamedFigure = ReturnType<typeof notebookFigures>[0];

/** What test/figures/samples.ts makes. */
export function sampleFigures(): NamedFigure[] {
  return Object.entries(samples).map(([name, make]) => ({ name, figure: adaptable(make()) as Figure }));
}

/**
 * Looks at figures in cells of each width, at three places of their sliders. A figure with a width of its own
 * is looked at in the narrowest cell only.
 */
export function testTexts(
  page: () => TextPage,
  what: string,
  figures: readonly NamedFigure[],
  widths: readonly number[],
): void {
  mkdirSync(FOLDER, { recursive: true });
  for (const width of widths) {
    test(`${what} are whole and apart in a cell of ${width} pixels`, { timeout: 180_000 }, async () => {
      const found: string[] = [];
      for (const { name, figure } of figures) {
        if (figure.layout.width !== undefined && width > NARROW) continue;
        const faults = new Set<string>();
        for (const state of states(figure)) {
          for (const fault of await page().faults(state, width)) faults.add(fault);
        }
        if (faults.size === 0) continue;
        await page().picture(join(FOLDER, `${name}-${width}.png`));
        found.push(...[...faults].map((fault) => `${name}: ${fault}`));
      }
      assert.deepEqual(found, []);
    });
  }
}

/** A figure at both ends of its slider and in the middle. */
function states({ frames, data, layout }: Figure): Figure[] {
  if (!frames) return [{ data, layout }];
  return [frames[0]!, frames[frames.length >> 1]!, frames.at(-1)!].map((frame) => ({
    data: data.map((trace, t) => ({ ...trace, ...frame.data[frame.traces.indexOf(t)] })),
    layout: { ...layout, ...frame.layout },
  }));
}
