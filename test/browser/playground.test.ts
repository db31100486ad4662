/**
 * The playground in a real browser, opened from disk and without a network: what it shows are the numbers of
 * the library in Node, it answers mouse and keyboard, and a link restores it. Screenshots lie in
 * results/browser-playground/.
 *
 * Skipped where there is no Chromium (LB_CHROMIUM names one).
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { lookbehindSAM } from 'lookbehind';
import { quadratic, twoMoons } from 'lookbehind/data';
import { lossSurface, Plane, randomDirection, readFlatWeights } from 'lookbehind/landscape';
import { mlp } from 'lookbehind/models';
import { playground } from 'lookbehind/notebook';
import { evaluateUnderNoise, gaussianNoise } from 'lookbehind/robustness';
import { oneStepSharpness } from 'lookbehind/sharpness';
import { dissectStep, evaluate, withModelLoss } from 'lookbehind/train';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { LOSSES } from '../../playground/losses';
import { Walk } from '../../playground/walk';
import { ARGUMENTS, executablePath } from './chromium';

const ROOT = join(__dirname, '..', '..');
const FILE = join(ROOT, 'results', 'playground', 'index.html');
const FOLDER = join(ROOT, 'results', 'browser-playground');

describe('the playground', { skip: executablePath ? false : 'no Chromium found: set LB_CHROMIUM' }, () => {
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];
  const requests: string[] = [];

  before(async () => {
    mkdirSync(FOLDER, { recursive: true });
    const made = spawnSync(process.execPath, ['scripts/playground.mjs', '--no-open'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    assert.equal(made.status, 0, made.stderr);
    browser = await chromium.launch({ executablePath: executablePath!, args: ARGUMENTS });
    page = await opened('', 1100, 'light');
  });

  after(() => browser?.close());

  /** The page with `link` in its address. */
  async function opened(
    link: string,
    width: number,
    colorScheme: 'light' | 'dark',
    reducedMotion: 'reduce' | 'no-preference' = 'no-preference',
  ): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width, height: 800 },
      colorScheme,
      reducedMotion,
      offline: true,
    });
    const one = await context.newPage();
    one.on('pageerror', (error) => complaints.push(error.message));
    one.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    one.on('request', (request) => requests.push(request.url()));
    await one.goto(`${pathToFileURL(FILE).href}${link}`);
    await one.locator('h1').waitFor();
    return one;
  }

  const setting = (name: string): Locator =>
    page.locator(`.view:not([hidden]) [data-setting="${name}"] input`);
  const link = (): string => new URL(page.url()).hash;
  const restored = async (hash: string): Promise<void> => {
    await page.goto('about:blank');
    await page.goto(`${pathToFileURL(FILE).href}${hash}`);
    await page.locator('h1').waitFor();
  };

  /** A row of the numbers of the step: x, y and loss. */
  async function numbersOf(row: string): Promise<number[]> {
    const cells = page.locator('.numbers tr', {
      has: page.locator('th', { hasText: new RegExp(`^${row}$`) }),
    });
    const texts = await cells.locator('td').allTextContents();
    return texts.map((text) => Number(text.replace('−', '-')));
  }

  test('is one file below 3 MB that asks nothing of a network', () => {
    assert.ok(statSync(FILE).size < 3e6);
    assert.deepEqual(complaints, []);
    assert.deepEqual(
      requests.filter((url) => !/^(file|blob|data):/.test(url)),
      [],
    );
  });

  test('shows the numbers of a step in Node', async () => {
    await restored('#step?k=4&rho=0.2&alpha=0.7&rate=0.06&curvature=7&x=-0.9&y=0.4');
    const optimizer = lookbehindSAM({ k: 4, rho: 0.2, alpha: 0.7, learningRate: 0.06 });
    const { loss } = quadratic({ curvatures: [1, 7] });
    const step = dissectStep({ loss, start: [-0.9, 0.4], optimizer });
    const close = (shown: number[], expected: ArrayLike<number>) =>
      shown.slice(0, 2).forEach((value, axis) => {
        assert.ok(Math.abs(value - expected[axis]!) < 6e-4, `${value}, not ${expected[axis]}`);
      });
    for (const [i, place] of step.perturbed.entries()) {
      const shown = await numbersOf(`p${i + 1}`);
      close(shown, place);
      assert.ok(Math.abs(shown[2]! - step.perturbedLosses[i]!) < 6e-4);
    }
    close(await numbersOf('f4'), step.fast.at(-1)!);
    close(await numbersOf('w′'), step.newSlow);
  });

  test('moves the start with the mouse and with arrow keys, and writes it into the address', async () => {
    await restored('#step');
    const plane = page.locator('.plane').first();
    const { x, y, width, height } = (await plane.boundingBox())!;
    const handle = (await page.locator('.view:not([hidden]) .handle circle').last().boundingBox())!;
    await page.mouse.move(handle.x + handle.width / 2, handle.y + handle.height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width * 0.75, y + height * 0.25, { steps: 5 });
    await page.mouse.up();
    const [dragged] = await numbersOf('w');
    assert.ok(dragged! > 0.6, `${dragged}`);
    await page.keyboard.press('ArrowRight');
    const [moved] = await numbersOf('w');
    assert.ok(Math.abs(moved! - dragged! - 0.02) < 1.5e-3, `${moved} after ${dragged}`);
    await page.waitForFunction(`location.hash.includes('x=${moved}')`);
  });

  test('changes sliders by keyboard, and a link restores them', async () => {
    await restored('#step');
    await setting('k').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(`location.hash === '#step?k=5'`);
    assert.match(await page.locator('.view:not([hidden]) .sentence').innerText(), /^5 steps back/);
    const hash = link();
    await restored('#step');
    assert.match(await page.locator('.view:not([hidden]) .sentence').innerText(), /^3 steps back/);
    await restored(hash);
    assert.match(await page.locator('.view:not([hidden]) .sentence').innerText(), /^5 steps back/);
  });

  test('holds the end of the step while a held alpha and the learning rate move', async () => {
    await restored('#step?k=4');
    const before = await numbersOf('w′');
    const fast = await numbersOf('f4');
    await page.locator('[data-setting="hold"]').click();
    await setting('alpha').focus();
    for (let i = 0; i < 30; i++) await page.keyboard.press('ArrowRight');
    assert.ok(Math.abs((await numbersOf('f4'))[1]! - fast[1]!) > 0.1);
    (await numbersOf('w′')).forEach((value, i) => {
      assert.ok(Math.abs(value - before[i]!) < 2e-3);
    });
  });

  test('plays the step, in single stages where motion is not wanted', async () => {
    await restored('#step');
    const scrub = page.locator('.view:not([hidden]) .transport input');
    await page.locator('.view:not([hidden]) .transport button').first().click();
    const stages = new Set<string>();
    for (let i = 0; i < 8; i++) {
      stages.add((await scrub.inputValue()) ?? '');
      await page.waitForTimeout(80);
    }
    assert.ok(stages.size > 3, `${[...stages]}`);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await restored('#step?k=2');
    await page.locator('.view:not([hidden]) .transport button').first().click();
    assert.equal(await scrub.inputValue(), '1');
    await page.waitForTimeout(200);
    assert.equal(await scrub.inputValue(), '1');
    await page.emulateMedia({ reducedMotion: 'no-preference' });
  });

  test('says where a step leaves the picture, and what a slider does to those who hear it', async () => {
    await restored('#step?k=10&rho=0.6');
    assert.match(await page.locator('#view-step .sentence').innerText(), /outside of the picture\.$/);
    assert.ok(await page.locator('#view-step button', { hasText: 'Go on' }).isDisabled());
    assert.deepEqual(await page.locator('#view-step .name').allTextContents(), ['w']);
    const slider = page.getByRole('slider', { name: 'k, steps back', exact: true });
    const hint = await slider.getAttribute('aria-describedby');
    assert.match(await page.locator(`#${hint}`).innerText(), /more gradients/);
  });

  test('lets all methods go where it is clicked, and they end where the library in Node ends', async () => {
    await restored('#minima?speed=400');
    const plane = page.locator('.view:not([hidden]) .plane');
    const { x, y, width, height } = (await plane.boundingBox())!;
    await page.mouse.click(x + width * 0.1, y + height * 0.4);
    const row = (method: string) =>
      page.locator('.view:not([hidden]) .numbers tbody tr', { hasText: method }).locator('td');
    await page.waitForFunction(
      `/ end.* in /.test(document.querySelector('#view-minima .sentence').textContent)`,
    );
    assert.match(await row('Lookbehind-SAM').last().innerText(), /flat/);
    assert.match(await row('SGD').first().innerText(), /^\d+$/);
    await page.waitForFunction(`location.hash.includes('x=')`);
    const [, startX, startY] = /x=([-\d.]+)&y=([-\d.]+)/.exec(link())!;
    for (const [label, method] of [
      ['Lookbehind-SAM', 'lookbehindSAM'],
      ['Multistep-SAM', 'multistepSAM'],
    ] as const) {
      const settings = { k: 3, rho: 0.12, alpha: 0.5, learningRate: 0.03 };
      const loss = LOSSES.minima(20);
      const walk = new Walk(method, loss, [Number(startX), Number(startY)], settings);
      while (!walk.isOver) walk.step();
      const names = { none: 'neither', 0: 'sharp', 1: 'flat' };
      assert.equal(await row(label).last().innerText(), names[walk.end as keyof typeof names]);
      walk.dispose();
    }
  });

  test('maps which start leads where', { timeout: 120_000 }, async () => {
    await restored('#minima?k=1&speed=400');
    const maps = page.locator('#view-minima .maps figcaption span');
    await page.waitForFunction(
      "[...document.querySelectorAll('#view-minima .maps figcaption span')].every((one) => " +
        '/flat/.test(one.textContent))',
      undefined,
      { timeout: 100_000 },
    );
    const [sgd] = (await maps.allInnerTexts()).map((text) =>
      /(\d+) % sharp, (\d+) % flat/.exec(text)!.slice(1).map(Number),
    );
    assert.ok(sgd![0]! > 5 && sgd![1]! > 50 && sgd![0]! + sgd![1]! >= 99, `${sgd}`);
    await page.locator('#view-minima [data-setting="sam"]').click();
    assert.equal(await page.locator('#view-minima .maps figure:visible').count(), 4);
    await page.waitForFunction(`location.hash.includes('sam=0')`);
  });

  test(
    'trains a network to an accuracy, from the weights that it has in Node',
    { timeout: 500_000 },
    async () => {
      await restored('#train?data=moons&device=cpu&k=2');
      const accuracy = page.locator('#view-train .facts b').nth(2);
      const shown = async () => Number((await accuracy.innerText()).replace(' %', ''));
      const model = mlp({ inputs: 2, hidden: [32, 32], classes: 2, seed: 0 });
      const unseen = twoMoons({ samples: 1000, noise: 0.2, seed: 2 });
      const expected = await evaluate(model, unseen);
      await page.waitForFunction(
        `/%/.test(document.querySelectorAll('#view-train .facts b')[2].textContent)`,
      );
      assert.equal(await shown(), Math.round(expected.accuracy * 100));
      const says = (what: string) => page.locator('#view-train .chart p', { hasText: what });
      await says('are right').waitFor({ timeout: 120_000 });
      const measured = twoMoons({ samples: 300, noise: 0.2, seed: 1 }).subset(256);
      const [x, y] = [1, 2].map((seed) => randomDirection(model, { seed }));
      const plane = new Plane(await readFlatWeights(model), x!, y!);
      const { loss, center } = await lossSurface(model, measured, {
        plane,
        x: { from: -1, to: 1, points: 33 },
      });
      const [dot, rim] = [center.loss, Math.max(...loss.flat())].map((one) => Number(one.toPrecision(2)));
      await says(`${dot} at the dot, up to ${rim} at the rim`).waitFor({ timeout: 1000 });
      const { values } = await withModelLoss(model, measured, { batchSize: 256 }, (one) =>
        oneStepSharpness(one, { radii: [1] }),
      );
      await says(`raises the loss by ${Number(values[0]!.toPrecision(3))}`).waitFor({ timeout: 1000 });
      const { levels } = await evaluateUnderNoise(model, unseen, {
        noise: (sigma) => gaussianNoise({ sigma }),
        levels: [0.4],
        draws: 4,
      });
      const right = Math.round(levels[0]!.accuracy.mean * 100);
      await says(`0.4 times each weight, ${right} % are right`).waitFor({ timeout: 1000 });
      model.dispose();
      await page.locator('#view-train button', { hasText: 'Train' }).click();
      const third = `document.querySelectorAll('#view-train .facts b')[2]`;
      const learned = `Number.parseInt(${third}.textContent) >= 86`;
      await page.waitForFunction(learned, undefined, { timeout: 240_000 });
      await page.locator('#view-train button', { hasText: 'Pause' }).click();
      await says('gray: before the training').first().waitFor({ timeout: 120_000 });
      assert.match(await page.locator('#view-train .says').innerText(), /33 × 33 points, [\d.]+ per second/);
      assert.match(await page.locator('#view-train .sentence').innerText(), /JavaScript on a processor/);
      await page.screenshot({ path: join(FOLDER, 'trained.png'), fullPage: true });
      // The other views go on meanwhile, and the network is there when the reader comes back.
      const epoch = await page.locator('#view-train .facts b').first().innerText();
      await page.locator('[role="tab"]').first().click();
      assert.match(await page.locator('#view-step .sentence').innerText(), /^3 steps back/);
      await page.locator('[role="tab"]').last().click();
      assert.equal(await page.locator('#view-train .facts b').first().innerText(), epoch);
      await page.locator('#view-train button', { hasText: 'Go on' }).click();
      await page.waitForFunction(`document.querySelector('#view-train .facts b').textContent !== '${epoch}'`);
      // It takes new weights while it measures the last ones.
      await page.locator('#view-train button', { hasText: 'New weights' }).click();
      await says('are right').waitFor({ timeout: 120_000 });
      assert.match(await page.locator('#view-train .sentence').innerText(), /waits to be trained/);
      assert.deepEqual(complaints, []);
    },
  );

  test('says that a training diverged, and trains anew', { timeout: 240_000 }, async () => {
    await restored('#train?data=moons&device=cpu&rate=1&momentum=0.95&k=10&alpha=1');
    const sentence = page.locator('#view-train .sentence');
    const weights = page.locator('#view-train [data-setting="rate"] input');
    await page.locator('#view-train button', { hasText: 'Train' }).click();
    await page.waitForFunction(
      `/diverged/.test(document.querySelector('#view-train .sentence').textContent)`,
      undefined,
      { timeout: 120_000 },
    );
    await weights.fill('-5');
    await page.locator('#view-train button', { hasText: 'Train' }).click();
    await page.waitForFunction(`Number(document.querySelector('#view-train .facts b').textContent) > 1`);
    assert.match(await sentence.innerText(), /^Lookbehind-SAM trains/);
    assert.deepEqual(complaints, []);
  });

  test('takes the nearest that it has where a link asks for what it has not', async () => {
    for (const [asked, taken] of [
      ['#step?k=2.7&rho=1e9&x=1e300&loss=none', '#step?x=1.75&rho=0.6'],
      ['#constructor?k=2', '#step'],
      ['#minima?k=99&speed=0&sgd=maybe', '#minima?k=10&speed=5'],
      ['#train?data=moons&device=cpu&sigma=0.43&seed=-2', '#train?data=moons&device=cpu'],
    ]) {
      await restored(asked!);
      await page.waitForFunction(`location.hash === '${taken}'`);
    }
    assert.deepEqual(complaints, []);
  });

  test('lies in the output of a notebook, with what it was given', { timeout: 240_000 }, async () => {
    const step = await playground({ view: 'step', k: 5, rho: 0.1 });
    assert.ok(step.page.length < 480_000, `${step.page.length} bytes`);
    const data = { train: twoMoons({ samples: 200, seed: 3 }), test: twoMoons({ samples: 500, seed: 4 }) };
    const model = mlp({ inputs: 2, hidden: [8], classes: 2, seed: 5 });
    const expected = await evaluate(model, data.test);
    const train = await playground({ view: 'train', model, samples: data });
    await assert.rejects(playground({ view: 'step', model, samples: data }), /view/);
    await assert.rejects(playground({ view: 'step', rho: 2 }), /rho/);
    model.dispose();
    const output = await opened('', 900, 'light', 'reduce');
    const [one, other] = [await step.bundle(), await train.bundle()];
    await output.setContent(`${one['text/html']}${other['text/html']}`);
    const [first, second] = [output.frameLocator('iframe').nth(0), output.frameLocator('iframe').nth(1)];
    assert.match(await first.locator('#view-step .sentence').innerText(), /^5 steps back/);
    await second.locator('#view-train .facts b', { hasText: '%' }).waitFor({ timeout: 120_000 });
    const accuracy = await second.locator('#view-train .facts b').nth(2).innerText();
    assert.equal(accuracy, `${Math.round(expected.accuracy * 100)} %`);
    assert.match(await second.locator('#view-train .lead').innerText(), /200 samples/);
    assert.equal(await output.locator('p:visible').count(), 0);
    await output.screenshot({ path: join(FOLDER, 'output.png'), fullPage: true });
    await output.context().close();
    assert.deepEqual(complaints, []);
  });

  for (const width of [375, 900, 1400]) {
    test(`fits into ${width} pixels, light and dark`, async () => {
      const one = await opened('', width, 'light', 'reduce');
      for (const view of ['step', 'minima', 'train']) {
        await one.locator(`#tab-${view}`).click();
        await one.locator(`#view-${view} .plane`).waitFor();
        await one.waitForTimeout(300);
        for (const colorScheme of ['light', 'dark'] as const) {
          await one.emulateMedia({ colorScheme });
          await one.locator(colorScheme === 'dark' ? 'html.dark' : 'html:not(.dark)').waitFor();
          assert.ok(
            ((await one.evaluate('document.documentElement.scrollWidth - innerWidth')) as number) <= 0,
          );
          await one.screenshot({ path: join(FOLDER, `${view}-${width}-${colorScheme}.png`), fullPage: true });
        }
      }
      await one.context().close();
      assert.deepEqual(complaints, []);
    });
  }
});
