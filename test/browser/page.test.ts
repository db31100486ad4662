/**
 * The page of a figure in a real browser, without a network: surfaces are drawn, and all turn with the one
 * that the mouse turns. Screenshots lie in results/browser-page/.
 *
 * Skipped where there is no Chromium (LB_CHROMIUM names one).
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as figures from 'lookbehind/figures';
import { saveFigure } from 'lookbehind/notebook';
import { type Browser, chromium, type Page } from 'playwright-core';
import { ARGUMENTS, executablePath } from './chromium';

const FOLDER = join(__dirname, '..', '..', 'results', 'browser-page');

/** The camera's place in a scene, as plotly.js keeps it. */
type Eye = { x: number; y: number; z: number };

/** What plotly.js keeps of a drawn figure. */
type Plot = { _fullLayout: Record<string, { _scene: { getCamera(): { eye: Eye } } }> };

const bowl = (steep: number) =>
  figures.gridOf((x, y) => 0.1 + steep * (x * x + 2 * y * y), { x: [-1, 1], y: [-1, 1], points: 15 });
const figure = figures.landscapeSurfaces({
  landscapes: [
    { title: 'Steep', grid: bowl(3) },
    { title: 'Flat', grid: bowl(1) },
    { title: 'Flatter', grid: bowl(0.3) },
  ],
  title: 'Three bowls',
  caption: 'A caption under the plot',
});

describe(
  'the page of a figure in a browser',
  { skip: executablePath ? false : 'no Chromium found: set LB_CHROMIUM to its path' },
  () => {
    let browser: Browser;
    let page: Page;
    const complaints: string[] = [];
    const requests: string[] = [];

    before(async () => {
      mkdirSync(FOLDER, { recursive: true });
      const path = join(FOLDER, 'page.html');
      await saveFigure(path, figure);
      browser = await chromium.launch({ executablePath: executablePath!, args: ARGUMENTS });
      const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, offline: true });
      page = await context.newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(path).href);
      await page.locator('.gl-container canvas').nth(2).waitFor({ timeout: 30_000 });
    });

    after(() => browser?.close());

    test(
      'draws all surfaces, title and caption, and asks nothing of a network',
      { timeout: 60_000 },
      async () => {
        await page.locator('.annotation', { hasText: 'A caption under the plot' }).waitFor();
        assert.equal(await page.title(), 'Three bowls');
        assert.deepEqual(complaints, []);
        assert.deepEqual(
          requests.filter((url) => !/^(file|blob|data):/.test(url)),
          [],
        );
        await page.screenshot({ path: join(FOLDER, '1-drawn.png') });
      },
    );

    test('turns all scenes with the one that the mouse turns', { timeout: 60_000 }, async () => {
      for (const turned of [0, 1]) {
        const before = await eyes();
        const { x, y, width, height } = (await page
          .locator('.gl-container canvas')
          .nth(turned)
          .boundingBox())!;
        await page.mouse.move(x + width / 2, y + height / 2);
        await page.mouse.down();
        await page.mouse.move(x + width / 2 + 40, y + height / 2 + 10, { steps: 8 });
        await settled();
        // While the button is held, too.
        assertEqualEyes(await eyes());
        await page.mouse.up();
        await settled();
        const now = await eyes();
        assertEqualEyes(now);
        assert.ok(
          distance(before[turned]!, now[turned]!) > 0.1,
          `the scene did not turn: ${JSON.stringify(now[turned])}`,
        );
      }
      await page.screenshot({ path: join(FOLDER, '2-turned.png') });
    });

    /** Where the cameras really are: what the scenes draw, not what the layout says. */
    function eyes(): Promise<Eye[]> {
      return page.evaluate(() => {
        const { document } = globalThis as unknown as { document: { getElementById(id: string): Plot } };
        const { _fullLayout: scenes } = document.getElementById('figure');
        return ['scene', 'scene2', 'scene3'].map((name) => scenes[name]!._scene.getCamera().eye);
      });
    }

    /** Waits until the cameras stand still. */
    async function settled(): Promise<void> {
      for (let last = '', now = JSON.stringify(await eyes()); now !== last; ) {
        last = now;
        await new Promise((resolve) => setTimeout(resolve, 300));
        now = JSON.stringify(await eyes());
      }
    }
  },
);

function distance(a: Eye, b: Eye): number {
  return Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);
}

function assertEqualEyes([first, ...others]: Eye[]): void {
  for (const other of others)
    assert.ok(distance(first!, other) < 1e-3, `${JSON.stringify(first)} ${JSON.stringify(other)}`);
}
