/**
 * Texts of figures in cells of windows of 950 and 1,400 pixels; texts.test.ts looks at narrow ones. About a
 * minute.
 *
 * Skipped where there is no Chromium (LB_CHROMIUM names one).
 */
import { after, before, describe } from 'node:test';
import { type Browser, chromium } from 'playwright-core';
import { ARGUMENTS, executablePath } from './chromium';
import { TextPage } from './drawnTexts';
import { testTexts } from './figureTexts';

describe(
  'texts of figures in wide cells',
  { skip: executablePath ? false : 'no Chromium found: set LB_CHROMIUM to its path' },
  () => {
    let browser: Browser;
    let page: TextPage;

    before(async () => {
      browser = await chromium.launch({ executablePath: executablePath!, args: ARGUMENTS });
      page = await TextPage.open(browser);
    });
    after(() => browser?.close());

    testTexts(() => page, [770, 1220]);
  },
);
