/**
 * The page of a sweep in a real browser, without a network: tables sort, plots are drawn, text is text, and
 * the page is light or dark as the reader's system is. Screenshots lie in results/browser-sweep/.
 *
 * Skipped where there is no Chromium (LB_CHROMIUM names one).
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { DARK } from '../../lib/dist/figures/theme';
import { ARGUMENTS, executablePath } from './chromium';

const ROOT = join(__dirname, '..', '..');
const FOLDER = join(ROOT, 'results', 'browser-sweep');
const HOSTILE = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">$x$';

const GRIDS = [
  { label: HOSTILE, optimizer: { kind: 'sgd', learningRate: 0.05 }, seeds: 1 },
  { optimizer: { kind: 'lookbehindSAM', k: [2, 5], alpha: [0.5, 'adaptive'] }, seeds: 2 },
  { optimizer: { kind: 'sgd', learningRate: 1e30 }, seeds: 1 },
].map((part) => ({
  data: { kind: 'digits', trainSize: 100 },
  model: { kind: 'mlp', hidden: [8] },
  epochs: 3,
  batchSize: 20,
  measures: [{ kind: 'noisyAccuracy', sigmas: [0.2], draws: 2 }],
  ...part,
}));

describe(
  'the page of a sweep in a browser',
  { skip: executablePath ? false : 'no Chromium found: set LB_CHROMIUM to its path' },
  () => {
    const scratch = mkdtempSync(join(tmpdir(), 'sweep-page-'));
    const path = join(FOLDER, 'sweep.html');
    let browser: Browser;
    const complaints: string[] = [];
    const requests: string[] = [];

    async function open(width: number, colorScheme: 'light' | 'dark'): Promise<Page> {
      const context = await browser.newContext({
        viewport: { width, height: 900 },
        offline: true,
        colorScheme,
      });
      const page = await context.newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(path).href);
      await page.locator('.parcoords .axis-title').first().waitFor({ state: 'attached', timeout: 30_000 });
      return page;
    }

    before(async () => {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(join(scratch, 'grids.json'), JSON.stringify(GRIDS));
      const files = [
        '--config',
        join(scratch, 'grids.json'),
        '--store',
        join(scratch, 'runs'),
        '--report',
        path,
      ];
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [join(ROOT, 'lib/dist/cli/sweep.js'), ...files, '--engine', 'inProcess'],
        { encoding: 'utf8' },
      );
      assert.equal(status, 0, `${stdout}\n${stderr}`);
      assert.match(stdout, /lookbehindSAM k=5 α=adaptive seed 1: test error/);
      assert.match(stdout, /tensorboard --logdir '.*runs\/tensorboard'/);
      browser = await chromium.launch({ executablePath: executablePath!, args: ARGUMENTS });
    });

    after(async () => {
      await browser?.close();
      rmSync(scratch, { recursive: true });
    });

    test(
      'has its parts, shows text as text, and asks nothing of a network',
      { timeout: 60_000 },
      async () => {
        const page = await open(1000, 'light');
        assert.equal(await page.title(), '10 runs of 6 settings');
        assert.equal(await page.locator('td', { hasText: HOSTILE }).count(), 2);
        assert.equal(await page.evaluate('window.hacked'), undefined);
        assert.equal(await page.locator('img').count(), 0);
        const axes = await page.locator('.axis-title').allTextContents();
        assert.deepEqual(axes.slice(0, 5), ['optimizer', 'learningRate', 'k', 'alpha', 'test error (%)']);
        assert.equal(
          await page.locator('.plot .legendtext', { hasText: 'lookbehindSAM k=5 α=adaptive' }).count(),
          2,
        );
        assert.deepEqual(complaints, []);
        assert.deepEqual(
          requests.filter((url) => !/^(file|blob|data):/.test(url)),
          [],
        );
      },
    );

    test(
      'sorts numbers by size and names by letters, what is no number last',
      { timeout: 60_000 },
      async () => {
        const page = await open(1000, 'light');
        const table = page.locator('table').first();
        const column = (index: number) => table.locator(`tbody td:nth-child(${index})`).allTextContents();
        const head = table.locator('th button', { hasText: 'test error' });
        for (const order of ['ascending', 'descending']) {
          await head.click();
          assert.equal(await table.locator(`th[aria-sort=${order}]`).count(), 1);
          const errors = await column(3);
          assert.equal(errors.at(-1), 'diverged');
          const numbers = errors.slice(0, -1).map(Number.parseFloat);
          const sorted = [...numbers].sort((a, b) => (order === 'ascending' ? a - b : b - a));
          assert.deepEqual(numbers, sorted);
        }
        await table.locator('th button', { hasText: 'setting' }).press('Enter');
        const names = await column(1);
        assert.deepEqual(names.slice(1, 3), ['lookbehindSAM k=2 α=0.5', 'lookbehindSAM k=2 α=adaptive']);
      },
    );

    for (const [width, scheme] of [
      [600, 'light'],
      [1000, 'dark'],
      [1400, 'light'],
    ] as const) {
      test(`fits ${width} pixels, ${scheme}`, { timeout: 60_000 }, async () => {
        const page = await open(width, scheme);
        const scroll = await page.evaluate<number>('document.documentElement.scrollWidth');
        assert.ok(scroll <= width, `${scroll} pixels wide`);
        await page.screenshot({ path: join(FOLDER, `${width}-${scheme}.png`), fullPage: true });
        const filter = () => page.evaluate<string>('getComputedStyle(document.body).filter');
        const filters = { light: 'none', dark: DARK };
        assert.equal(await filter(), filters[scheme]);
        // The system's change of mind is followed.
        const other = scheme === 'dark' ? 'light' : 'dark';
        await page.emulateMedia({ colorScheme: other });
        assert.equal(await filter(), filters[other]);
      });
    }
  },
);
