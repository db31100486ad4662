/**
 * Figures that move, on a page in a real browser: sliders are dragged, buttons pressed. Screenshots lie in
 * results/browser-slider/.
 *
 * Skipped where there is no Chromium (LB_CHROMIUM names one).
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import type { Figure } from 'lookbehind/figures';
import { saveFigure } from 'lookbehind/notebook';
import { type Browser, chromium, type Page } from 'playwright-core';
import { NARROW } from '../../lib/dist/figures/compose';
import { compact } from '../../lib/dist/notebook/bundle';
import { samples } from '../figures/samples';
import { ARGUMENTS, executablePath } from './chromium';
import { notebookFigures } from './notebookFigures';

const ROOT = join(__dirname, '..', '..');
const FOLDER = join(ROOT, 'results', 'browser-slider');

/** What plotly.js keeps of a drawn figure. */
type Plot = Pick<Figure, 'data' | 'layout'> & { _fullLayout: { sliders: { active: number }[] } };

/** What is used of a button over a figure. */
type Button = { dataset: { title: string } };

describe(
  'a figure with a slider in a browser',
  { skip: executablePath ? false : 'no Chromium found: set LB_CHROMIUM to its path' },
  () => {
    let browser: Browser;
    let page: Page;
    const complaints: string[] = [];

    before(async () => {
      mkdirSync(FOLDER, { recursive: true });
      browser = await chromium.launch({ executablePath: executablePath!, args: ARGUMENTS });
      const context = await browser.newContext({ viewport: { width: 1000, height: 700 }, offline: true });
      page = await context.newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
    });

    after(() => browser?.close());

    test(
      'shows at each place of the slider what the figure of that place shows',
      { timeout: 60_000 },
      async () => {
        await open('withSlider', samples.withSlider!());
        // As JupyterLab does whenever it shows a figure.
        await page.evaluate(() => {
          const { Plotly, document } = globalThis as unknown as {
            Plotly: { Plots: { resize(plot: object): Promise<void> } };
            document: { getElementById(id: string): object };
          };
          return Plotly.Plots.resize(document.getElementById('figure'));
        });
        await drag(compact(samples.withSlider!()), [0, 3, 1], 'slider');
        const buttons = await page
          .locator('.modebar-btn')
          .evaluateAll((all) => all.map((one) => (one as unknown as Button).dataset.title));
        assert.deepEqual(buttons, ['Download plot as a PNG', 'Zoom', 'Pan', 'Reset axes']);
        assert.deepEqual(complaints, []);
      },
    );

    test('does so in each figure of the notebooks that moves', { timeout: 300_000 }, async () => {
      const moving = notebookFigures().filter(({ figure }) => figure.frames);
      assert.ok(moving.length > 0);
      for (const { name, figure } of moving) {
        await open(name, figure);
        const last = figure.frames!.length - 1;
        await drag(figure, [last, 0, last >> 1], name);
      }
      assert.deepEqual(complaints, []);
    });

    test('is played by a button, from where the slider stands', { timeout: 60_000 }, async () => {
      await open('withFrames', samples.withFrames!());
      const rail = (await page.locator('.slider-rail-touch-rect').boundingBox())!;
      await page.mouse.click(rail.x + 8, rail.y + rail.height / 2);
      const texts = () => page.locator('.heatmaplayer text').allTextContents();
      await reached(0, 'withFrames');
      await page.waitForTimeout(400);
      assert.deepEqual(await texts(), ['96']);
      await page.locator('.updatemenu-button', { hasText: 'Play' }).click();
      await reached(2, 'withFrames');
      await page.waitForTimeout(400);
      assert.equal((await texts()).length, 6);
      await page.screenshot({ path: join(FOLDER, 'played.png') });
      assert.deepEqual(complaints, []);
    });

    test(
      'moves in an exported notebook, too, which needs no network and is dark where the system is',
      { timeout: 120_000 },
      async () => {
        const script = pathToFileURL(join(ROOT, 'scripts', 'notebooks', 'run.mjs')).href;
        const { exportHtml } = (await import(script)) as { exportHtml(notebook: string): string | undefined };
        const copy = join(FOLDER, 'notebook.ipynb');
        copyFileSync(join(ROOT, 'notebooks', '01-k-steps-back.ipynb'), copy);
        const asked: string[] = [];
        const note = (request: { url(): string }) => asked.push(request.url());
        page.on('request', note);
        const address = pathToFileURL(exportHtml(copy)!).href;
        await page.goto(address);
        page.off('request', note);
        assert.deepEqual(
          asked.filter((url) => !/^(data|blob):/.test(url)),
          [address],
        );
        const formulas = page.locator('.jp-RenderedMarkdown math');
        assert.ok((await formulas.count()) > 20);
        assert.equal(await formulas.first().textContent(), 'k');
        const texts = await page.locator('.jp-RenderedMarkdown p').allInnerTexts();
        assert.ok(!texts.some((text) => text.includes('$')), 'each formula is drawn');
        const drawn = await formulas.allTextContents();
        assert.ok(!drawn.some((formula) => formula.includes('\\')), 'each formula is one');
        const grip = page.locator('.slider-grip-rect').first();
        await grip.scrollIntoViewIfNeeded();
        const title = () => page.locator('.slider-label').first().textContent();
        const before = await title();
        const { x, y, height } = (await page.locator('.slider-rail-touch-rect').first().boundingBox())!;
        await page.mouse.click(x + 12, y + height / 2);
        await page.waitForTimeout(500);
        assert.notEqual(await title(), before);
        await page.setViewportSize({ width: 500, height: 700 });
        const narrow = await page.locator('.jp-RenderedPlotly').first().boundingBox();
        assert.ok(narrow!.width >= NARROW, `${narrow!.width} pixels in a narrow page`);
        await page.setViewportSize({ width: 1000, height: 700 });
        const brightness = async (): Promise<number> => {
          const image = await loadImage(await page.screenshot());
          const context = createCanvas(image.width, image.height).getContext('2d');
          context.drawImage(image, 0, 0);
          const { data } = context.getImageData(0, 0, image.width, image.height);
          return data.reduce((sum, value) => sum + value, 0) / data.length;
        };
        const light = await brightness();
        await page.emulateMedia({ colorScheme: 'dark' });
        await page.screenshot({ path: join(FOLDER, 'dark.png') });
        assert.ok(light > 200 && (await brightness()) < 110, 'a light page, and a dark one');
        await page.emulateMedia({ colorScheme: 'light' });
        assert.deepEqual(complaints, []);
      },
    );

    async function open(name: string, figure: Figure): Promise<void> {
      const path = join(FOLDER, `${name}.html`);
      await saveFigure(path, figure);
      await page.goto(pathToFileURL(path).href);
      await page.locator('.slider-grip-rect').waitFor({ timeout: 30_000 });
    }

    /** Drags the slider to some places: each shows what the frame of that place has. */
    async function drag({ frames, layout }: Figure, places: readonly number[], name: string): Promise<void> {
      await page.locator('.slider-grip-rect').hover(); // once the figure has come to rest under the mouse
      await page.mouse.down();
      for (const place of places) {
        const rail = (await page.locator('.slider-rail-touch-rect').boundingBox())!;
        const grip = (await page.locator('.slider-grip-rect').boundingBox())!;
        const x = rail.x + grip.width / 2 + ((rail.width - grip.width) * place) / (frames!.length - 1);
        await page.mouse.move(x, rail.y + rail.height / 2, { steps: 5 });
        await reached(place, name);
        const frame = frames![place]!;
        const has = ({ data }: Plot) =>
          frame.traces.every((trace, i) =>
            Object.entries(frame.data[i]!).every(([key, value]) =>
              isDeepStrictEqual(data[trace]![key], value),
            ),
          );
        const end = performance.now() + 10_000;
        let now = await drawn();
        for (; !has(now) && performance.now() < end; now = await drawn()) await page.waitForTimeout(20);
        for (const [i, trace] of frame.traces.entries())
          for (const [key, value] of Object.entries(frame.data[i]!))
            assert.deepEqual(now.data[trace]![key], value, `${name}: ${key}`);
        assert.equal(now.layout.title!.text, (frame.layout.title ?? layout.title)!.text);
        const seen = (all: Figure['layout']['annotations'] = []) =>
          all.filter(({ visible }) => visible !== false).map(({ text }) => text);
        assert.deepEqual(seen(now.layout.annotations), seen(frame.layout.annotations ?? layout.annotations));
      }
      await page.screenshot({ path: join(FOLDER, `${name}.png`) });
      await page.mouse.up();
    }

    function drawn(): Promise<Plot> {
      return page.evaluate(() => {
        const { document } = globalThis as unknown as { document: { getElementById(id: string): Plot } };
        const { data, layout, _fullLayout } = document.getElementById('figure');
        const sliders = _fullLayout.sliders.map(({ active }) => ({ active }));
        return JSON.parse(JSON.stringify({ data, layout, _fullLayout: { sliders } })) as Plot;
      });
    }

    /** Waits until the slider of a figure stands at a place. */
    async function reached(place: number, name: string): Promise<void> {
      const at = async () => (await drawn())._fullLayout.sliders[0]!.active;
      const end = performance.now() + 30_000;
      for (let now = await at(); now !== place; now = await at()) {
        if (performance.now() > end) {
          await page.screenshot({ path: join(FOLDER, 'failed.png') });
          assert.fail(`${name}: the slider stands at ${now} in place of ${place}. ${complaints.join(' ')}`);
        }
        await page.waitForTimeout(20);
      }
    }
  },
);
