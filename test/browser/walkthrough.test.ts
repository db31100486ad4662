/**
 * The walkthrough in a real browser: JupyterLab in headless Chromium opens it, runs all of it in the smoke
 * profile, draws its figures and moves its progress bars; a long cell is interrupted and run again. Sliders
 * of figures in another notebook are dragged.
 * Screenshots lie in results/browser/.
 *
 * Skipped where there is no Chromium (LB_CHROMIUM names one) or no .venv.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Figure } from 'lookbehind/figures';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { NARROW } from '../../lib/dist/figures/compose';
import { compact, finalBundle } from '../../lib/dist/notebook/bundle';
import { samples } from '../figures/samples';
import { ARGUMENTS, executablePath } from './chromium';

const ROOT = join(__dirname, '..', '..');
const NOTEBOOK = join(ROOT, 'notebooks', '00-walkthrough.ipynb');
const LAB = join(ROOT, '.venv', 'bin', 'jupyter-lab');
/** The copy that the browser changes lies inside the project, where its imports are found. */
const FOLDER = join(ROOT, 'results', 'browser');
/** What JupyterLab and its kernels say. */
const LOG = join(FOLDER, 'jupyter.log');
const missing = !executablePath
  ? 'no Chromium found: set LB_CHROMIUM to its path'
  : !existsSync(LAB)
    ? 'no .venv: run npm run setup'
    : false;

/**
 * Added behind the walkthrough: a figure and a bar that change until the cell is interrupted, and go on where
 * they stopped.
 */
const LONG_WORK = [
  `import * as longFigures from 'lookbehind/figures';
import { interruptible as longInterruptible, liveFigure as longFigure, progress as longProgress } from 'lookbehind/notebook';
let longDone = 0;
function longState(): longFigures.Figure {
  const x = [0, 1, 2, 3];
  return longFigures.curves({ series: [{ method: 'sam', x, runs: [x.map((i) => Math.sin(longDone + i))] }], title: 'State ' + longDone });
}
async function longWork(): Promise<void> {
  const bar = longProgress({ title: 'Long work', total: 100000, from: longDone });
  const live = longFigure(longState(), { interval: 300 });
  try {
    await longInterruptible(async (signal) => {
      while (!signal.aborted) {
        longDone++;
        bar.update(longDone);
        live.update(longState());
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
  } finally {
    bar.finish();
    await live.finish();
  }
}`,
  'await longWork();',
];

/** The figures of moving.ipynb: one is as wide as its page, one keeps its width, one has buttons. */
const MOVING = ['withSlider-curves', 'withSlider', 'withFrames'];

/** What is used of JupyterLab. */
interface JupyterLab {
  commands: { isEnabled(id: string): boolean; execute(id: string): Promise<void> };
  shell: {
    currentWidget: { sessionContext?: { kernelDisplayStatus: string } } | null;
    leftCollapsed: boolean;
  };
}

interface Notebook {
  cells: {
    cell_type: string;
    source: string | string[];
    outputs?: { data?: Record<string, unknown> }[];
  }[];
  metadata: object;
}

/** What plotly.js keeps of a drawn figure. */
type Plot = Pick<Figure, 'data'> & { _fullLayout: { sliders: { active: number }[] } };

/** A drawn interactive figure. */
const PLOT = '.js-plotly-plot';
const pick = (all: object, keys: readonly string[]) =>
  Object.fromEntries(Object.entries(all).filter(([key]) => keys.includes(key)));
const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('the walkthrough in a browser', { skip: missing }, () => {
  let lab: ChildProcess;
  let browser: Browser;
  let page: Page;
  let walkthrough: Notebook;
  let address: (notebook: string) => string;
  const shown = new Set<string>();

  before(async () => {
    walkthrough = await prepareFolder();
    const port = await freePort();
    const token = randomBytes(16).toString('hex');
    lab = startLab(port, token);
    const url = `http://127.0.0.1:${port}`;
    await until(
      'JupyterLab answers',
      60,
      async () => (await fetch(`${url}/api?token=${token}`).catch(() => undefined))?.ok === true,
    );
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ARGUMENTS,
    });
    page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    address = (notebook) => `${url}/lab/tree/${notebook}?token=${token}&reset`;
    await page.goto(address('walkthrough.ipynb'));
    await page.locator('.jp-Notebook .jp-CodeCell').last().waitFor({ timeout: 60_000 });
    await page.locator('.jp-Notebook .jp-CodeCell').first().click();
    await idle(60);
  });

  after(async () => {
    await browser?.close();
    // Told to stop while it starts the kernel of a page that has gone, JupyterLab goes on: it is told again.
    for (let i = 0; lab?.exitCode === null && lab.signalCode === null; i++) {
      if (i % 100 === 0) lab.kill('SIGTERM');
      await sleep(100);
    }
  });

  test(
    'runs to the end without an error, with figures drawn and progress moving',
    { timeout: 300_000 },
    async () => {
      await command('notebook:run-all-cells');
      await until(
        'the long cell runs',
        280,
        async () => {
          await watchProgress();
          const errors = await page
            .locator('[data-mime-type="application/vnd.jupyter.stderr"]')
            .allInnerTexts();
          assert.deepEqual(errors, []);
          return /Long work/.test((await lastOutput().allInnerTexts()).join());
        },
        state,
      );
      await screenshot('1-end');
      // As many as the committed outputs have.
      const figures = walkthrough.cells
        .flatMap(({ outputs = [] }) => outputs)
        .filter(({ data }) => data?.['application/vnd.plotly.v1+json']).length;
      assert.equal(await page.locator(PLOT).count(), figures);
      for (const [i, plot] of (await page.locator(PLOT).all()).entries()) {
        await plot.screenshot({ path: join(FOLDER, `figure-${i + 1}.png`) });
        assert.ok((await plot.locator('.main-svg path').count()) > 5, 'a figure is empty');
      }
      assert.ok(shown.size >= 3, `progress showed only ${[...shown].join(' | ')}`);
    },
  );

  test('figures answer the mouse', { timeout: 30_000 }, async () => {
    const plot = page.locator(PLOT).last();
    await plot.scrollIntoViewIfNeeded();
    const point = (await plot.locator('.scatterlayer .points path').first().boundingBox())!;
    await page.mouse.move(point.x + point.width / 2, point.y + point.height / 2, { steps: 5 });
    await plot.locator('.hovertext').first().waitFor({ timeout: 10_000 });
    await screenshot('2-hover');
  });

  test(
    'a long cell stops at an interrupt and goes on when it is run again',
    { timeout: 60_000 },
    async () => {
      const first = await interrupt('3-interrupted');
      await command('notebook:run-cell');
      const second = await interrupt('4-resumed');
      const count = (text: string) => Number(/Long work: stopped at (\d+) of 100000 steps/.exec(text)?.[1]);
      assert.ok(count(second) > count(first), `${first}, then ${second}`);
    },
  );

  test(
    'figures follow their sliders to both ends, and stay, also in a page that narrows and then scrolls',
    {
      timeout: 180_000,
    },
    async () => {
      const other = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
      await other.goto(address('moving.ipynb'));
      await other
        .locator(`${PLOT} .slider-grip-rect`)
        .nth(MOVING.length - 1)
        .waitFor({ timeout: 60_000 });
      // A hidden side bar leaves the cell 484 pixels of 600, a shown one 232.
      for (const [width, sideBar, shares] of [
        [1280, true, [1]],
        [1100, true, [0]],
        [600, true, [1, 1 / 3, 0]],
        [600, false, [1, 1 / 3, 0]],
      ] as const) {
        await other.setViewportSize({ width, height: 1000 });
        await showSideBar(other, sideBar);
        const at = `${width} pixels, side bar ${sideBar ? 'shown' : 'hidden'}`;
        for (const [i, name] of MOVING.entries()) {
          const plot = other.locator(PLOT).nth(i);
          const { frames } = compact(samples[name]!());
          for (const share of shares) {
            const place = Math.round(share * (frames!.length - 1));
            const { traces, data } = frames![place]!;
            await drag(other, plot, place / (frames!.length - 1));
            await until(`${name} shows place ${place} at ${at}`, 20, async () => {
              const now = await drawn(plot);
              const shown = traces.map((trace, t) => pick(now.data[trace]!, Object.keys(data[t]!)));
              return now.active === place && isDeepStrictEqual(shown, data);
            });
          }
          await sleep(300);
          const { height, lines } = await drawn(plot);
          const box = (await plot.boundingBox())!;
          assert.ok(box.width >= NARROW, `${name} is ${box.width} pixels wide`);
          assert.ok(height > 250 && lines > 2, `${name} vanished: ${height} pixels, ${lines} lines`);
          // A text that the browser hides has no width.
          const unseen = await plot.evaluate(
            (element) =>
              [...element.querySelectorAll('.main-svg text')].filter(
                (text) => text.textContent !== '' && text.getBoundingClientRect().width === 0,
              ).length,
          );
          assert.equal(unseen, 0, `texts of ${name} are not seen at ${at}`);
          const rail = (await plot.locator('.slider-rail-touch-rect').boundingBox())!;
          const cell = (await plot.locator('..').boundingBox())!;
          assert.ok(
            rail.x >= cell.x && rail.x + rail.width <= cell.x + cell.width,
            `the slider of ${name} is cut off at ${at}`,
          );
        }
        const side = sideBar ? '' : '-hidden';
        await other.screenshot({ path: join(FOLDER, `5-dragged-${width}${side}.png`) });
      }
      await other.close();
    },
  );

  /** Shows or hides the left side bar of JupyterLab, whatever its workspace remembers. */
  async function showSideBar(on: Page, shown: boolean): Promise<void> {
    await on.evaluate(async (wanted) => {
      const { jupyterapp } = globalThis as unknown as { jupyterapp: JupyterLab };
      if (jupyterapp.shell.leftCollapsed === wanted)
        await jupyterapp.commands.execute('application:toggle-left-area');
    }, shown);
    await sleep(500); // figures take the width of their cells anew
  }

  /** Drags the slider of a figure to a share of its way. */
  async function drag(on: Page, plot: Locator, share: number): Promise<void> {
    await plot.locator('.slider-grip-rect').hover(); // once the figure has come to rest under the mouse
    await on.mouse.down();
    const rail = (await plot.locator('.slider-rail-touch-rect').boundingBox())!;
    const grip = (await plot.locator('.slider-grip-rect').boundingBox())!;
    const x = rail.x + grip.width / 2 + (rail.width - grip.width) * share;
    await on.mouse.move(x, rail.y + rail.height / 2, { steps: 5 });
    await on.mouse.up();
  }

  /** What a figure shows: its data, the place of its slider, its height in pixels, its lines. */
  async function drawn(
    plot: Locator,
  ): Promise<Pick<Figure, 'data'> & { active: number; height: number; lines: number }> {
    const box = await plot.locator('.main-svg').first().boundingBox();
    const lines = await plot.locator('.cartesianlayer path').count();
    const kept = await plot.evaluate((node) => {
      const { data, _fullLayout } = node as unknown as Plot;
      return JSON.stringify({ data, active: _fullLayout.sliders[0]!.active });
    });
    return {
      ...(JSON.parse(kept) as Pick<Figure, 'data'> & { active: number }),
      height: box?.height ?? 0,
      lines,
    };
  }

  /** Waits until the last cell's bar and figure move, and interrupts it; returns what it leaves. */
  async function interrupt(name: string): Promise<string> {
    await lastOutput().scrollIntoViewIfNeeded();
    const bars = new Set<string>();
    const pictures = new Set<string>();
    const move = async () => {
      bars.add(await lastOutput().innerText());
      for (const picture of await lastOutput().locator('img').all())
        pictures.add((await picture.getAttribute('src')) ?? '');
      return bars.size > 3 && pictures.size > 2;
    };
    await until('bar and figure move', 30, move, state);
    await screenshot(`${name}-before`);
    await command('kernelmenu:interrupt');
    await idle(20);
    await lastOutput().locator(`${PLOT} .main-svg`).first().waitFor({ timeout: 10_000 });
    await screenshot(name);
    const text = await lastOutput().innerText();
    assert.match(text, /AbortedError: Interrupted/);
    return text;
  }

  function lastOutput(): Locator {
    return page.locator('.jp-Notebook .jp-CodeCell').last().locator('.jp-OutputArea');
  }

  /**
   * Waits until the notebook has a kernel with nothing to do and no cell waits for it. The toolbar calls a
   * notebook idle also while it asks for a kernel, and JupyterLab forgets cells that are run meanwhile.
   */
  async function idle(seconds: number): Promise<void> {
    const isIdle = async () => {
      const prompts = await page.locator('.jp-InputArea-prompt').allInnerTexts();
      return (await kernelStatus()) === 'idle' && !prompts.some((prompt) => prompt.includes('*'));
    };
    await until('the kernel is idle', seconds, isIdle, state);
  }

  function kernelStatus(): Promise<string | undefined> {
    return page.evaluate(() => {
      const { jupyterapp } = globalThis as unknown as { jupyterapp: JupyterLab };
      return jupyterapp.shell.currentWidget?.sessionContext?.kernelDisplayStatus;
    });
  }

  /** Collects what progress bars say while cells run. */
  async function watchProgress(): Promise<void> {
    const bars = page.locator('.jp-OutputArea-output:has(b + span)');
    for (const text of await bars.allInnerTexts()) shown.add(text);
  }

  /** Starts a command of JupyterLab as soon as it can be started. */
  async function command(name: string): Promise<void> {
    await until(`${name} started`, 20, () =>
      page.evaluate((id) => {
        const { jupyterapp } = globalThis as unknown as { jupyterapp: JupyterLab };
        const ready = jupyterapp.commands.isEnabled(id);
        if (ready) void jupyterapp.commands.execute(id);
        return ready;
      }, name),
    );
  }

  /** What there is to know where cells did not do what they should. */
  async function state(): Promise<string> {
    const texts = (selector: string) => page.locator(selector).allInnerTexts();
    const status = page.locator('.jp-NotebookPanel-toolbar [data-status]').first();
    await screenshot('failed');
    return [
      `kernel: ${await status.getAttribute('data-status')}`,
      `prompts: ${(await texts('.jp-InputArea-prompt')).join(' ')}`,
      `progress: ${[...shown].slice(-3).join(' | ')}`,
      `dialogs: ${(await texts('.jp-Dialog')).join(' | ')}`,
      `log: ${readFileSync(LOG, 'utf8').split('\n').slice(-30).join('\n')}`,
    ].join('\n');
  }

  async function screenshot(name: string): Promise<void> {
    await page.screenshot({ path: join(FOLDER, `${name}.png`) });
  }
});

/**
 * Copies the walkthrough, without outputs and with the long cells behind it, and gives it a data folder
 * without finished runs. Beside it lies a notebook with figures that move.
 */
async function prepareFolder(): Promise<Notebook> {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(join(FOLDER, 'data'), { recursive: true });
  for (const entry of readdirSync(join(ROOT, 'data'))) {
    if (entry !== 'runs') symlinkSync(join(ROOT, 'data', entry), join(FOLDER, 'data', entry));
  }
  const notebook = JSON.parse(readFileSync(NOTEBOOK, 'utf8')) as Notebook;
  const code = (source: string) => ({
    cell_type: 'code',
    execution_count: null,
    metadata: {},
    outputs: [],
    source,
  });
  const bare = notebook.cells.map((cell) =>
    cell.cell_type === 'code' ? code([cell.source].flat().join('')) : cell,
  );
  writeFileSync(
    join(FOLDER, 'walkthrough.ipynb'),
    JSON.stringify({ ...notebook, cells: [...bare, ...LONG_WORK.map(code)] }),
  );
  const data = await Promise.all(MOVING.map((name) => finalBundle(samples[name]!())));
  const outputs = data.map(({ 'image/png': _, ...data }) => ({
    output_type: 'display_data',
    data,
    metadata: {},
  }));
  writeFileSync(
    join(FOLDER, 'moving.ipynb'),
    JSON.stringify({ ...notebook, cells: outputs.map((output) => ({ ...code(''), outputs: [output] })) }),
  );
  writeSettings('apputils-extension', 'notification', { fetchNews: 'false' });
  return notebook;
}

function writeSettings(extension: string, plugin: string, settings: object): void {
  const folder = join(FOLDER, 'jupyter', 'settings', '@jupyterlab', extension);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${plugin}.jupyterlab-settings`), JSON.stringify(settings));
}

/** JupyterLab with settings of its own, on the notebook's copy. */
function startLab(port: number, token: string): ChildProcess {
  const own = (name: string) => join(FOLDER, 'jupyter', name);
  const log = openSync(LOG, 'w');
  return spawn(
    LAB,
    [
      '--no-browser',
      '--allow-root',
      '--ip=127.0.0.1',
      `--port=${port}`,
      `--IdentityProvider.token=${token}`,
      `--ServerApp.root_dir=${FOLDER}`,
      '--LabApp.expose_app_in_browser=True',
      // as npm start does
      '--custom-css',
      `--ServerApp.tornado_settings=static_custom_path=${join(ROOT, 'scripts', 'jupyter', 'custom')}`,
      '--MappingKernelManager.kernel_manager_class=lookbehind_kernels.KernelManager',
    ],
    {
      stdio: ['ignore', log, log],
      env: {
        ...process.env,
        PYTHONPATH: join(ROOT, 'scripts', 'jupyter'),
        LB_PROFILE: 'smoke',
        LB_DATA: join(FOLDER, 'data'),
        JUPYTER_CONFIG_DIR: own('config'),
        JUPYTER_DATA_DIR: own('share'),
        JUPYTER_RUNTIME_DIR: own('runtime'),
        JUPYTERLAB_SETTINGS_DIR: own('settings'),
        JUPYTERLAB_WORKSPACES_DIR: own('workspaces'),
      },
    },
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks again and again until the answer is yes; where it stays no, says also what `state` tells. */
async function until(
  what: string,
  seconds: number,
  ask: () => Promise<boolean>,
  state: () => Promise<string> = async () => '',
): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await ask())) {
    if (performance.now() > end) assert.fail(`waited ${seconds} s in vain: ${what}\n${await state()}`);
    await sleep(100);
  }
}
