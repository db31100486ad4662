/**
 * The view "Train and look": a network learns in the page, and the loss around its weights is drawn while it
 * does.
 */
import type * as tf from '@tensorflow/tfjs';
import { Chart, type Curve } from './chart';
import { BACKENDS, type Device, devices, isGpu, lossOf, OFFERED, useDevice } from './device';
import { digits, h, s } from './dom';
import { givenTask } from './given';
import { type MethodName, type MethodSettings, styleOf } from './methods';
import { cssColor, Plane } from './plane';
import { choice, hidden, Settings, slider, toggle } from './settings';
import { Diverged, NOISE_LEVELS, SURFACE_POINTS, Training } from './training';
import { TASKS } from './trainingData';
import { layout, type View } from './view';

const SETTINGS = {
  data: choice('Data', { moons: 'two moons', digits: 'digits', mnist1d: 'MNIST-1D' }, 'digits'),
  method: choice(
    'Method',
    {
      sgd: 'SGD',
      lookahead: 'Lookahead',
      sam: 'SAM',
      multistepSAM: 'Multistep-SAM',
      lookbehindSAM: 'Lookbehind-SAM',
    },
    'lookbehindSAM',
  ),
  k: slider('<i>k</i>, steps back', { min: 1, max: 10, value: 3, step: 1 }),
  rho: slider('<i>ρ</i>, length of a step back', { min: 0, max: 1, value: 0.1, step: 0.01 }),
  alpha: slider('<i>α</i>, how far forward', { min: 0.05, max: 1, value: 0.5, step: 0.05 }),
  rate: slider('<i>η</i>, learning rate', { min: 0.002, max: 1, value: 0.1, log: true }),
  momentum: slider('<i>β</i>, momentum', { min: 0, max: 0.95, value: 0.9, step: 0.05 }),
  adaptive: toggle('<i>α</i> adapts to the angle between the fast steps', false),
  sigma: slider('<i>σ</i>, noise on the weights', { min: 0.1, max: 0.8, value: 0.4, step: 0.1 }),
  device: choice(
    'Computes on',
    {
      auto: 'the fastest',
      ...(Object.fromEntries(OFFERED.map((name) => [name, BACKENDS[name]])) as typeof BACKENDS),
    },
    'auto',
  ),
  seed: hidden({ min: 0, max: 1e6, value: 0, step: 1 }),
};

/** Milliseconds of training between two drawings. */
const BURST = 60;
/** Steps that a GPU is given between two drawings. */
const GPU_STEPS = 4;
/** Milliseconds between two tests, at least. */
const TEST_EVERY = 500;
/** Radii of the sharpness curve, as shares of the largest. */
const RADII = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/** What is known of a training so far. */
interface Record {
  losses: [epoch: number, loss: number][];
  accuracies: [epoch: number, accuracy: number][];
  /** Before the training, and now. */
  sharpness: number[][];
  noise: number[][];
}

/**
 * Twice as many points of a curve are merged two by two, so that a long training is drawn as quickly as a
 * short one.
 */
const KEPT = 400;

/** Makes the view. */
export function trainView(changed: () => void): View {
  const settings: Settings<typeof SETTINGS> = new Settings(SETTINGS, onChange);
  const { values } = settings;
  const given = givenTask();
  const plane = new Plane('The loss around the present weights', () => paint());
  plane.extent = { x: [-1, 1], y: [-1, 1] };
  plane.element.classList.add('square');
  const percent = (value: number) => `${Math.round(value * 100)} %`;
  const charts = {
    loss: new Chart({ title: 'Loss on the batches', x: 'epoch', from: 0 }),
    accuracy: new Chart({ title: 'Accuracy on the test set', x: 'epoch', from: 0, to: 1, write: percent }),
    sharpness: new Chart({
      title: 'Sharpness within <i>ρ</i>',
      x: 'ρ',
      from: 0,
    }),
    noise: new Chart({
      title: 'Accuracy under noise <i>σ</i>',
      x: 'σ',
      from: 0,
      to: 1,
      write: percent,
    }),
  };
  const sentence = h('p', { class: 'sentence', 'aria-live': 'polite' });
  const surfaceSays = h('p', { class: 'says' });
  const lead = h('p', { class: 'lead' });
  const go = h('button', { class: 'primary', onclick: () => (isTraining ? pause() : learn()) }, 'Train');
  const anew = h(
    'button',
    { onclick: () => (given ? begin() : settings.set({ seed: values.seed + 1 })) },
    given ? 'Its first weights' : 'New weights',
  );
  const facts = { epoch: h('b'), loss: h('b'), accuracy: h('b'), speed: h('b') };

  let device: Device | undefined;
  let training: Training | undefined;
  let record: Record = { losses: [], accuracies: [], sharpness: [], noise: [] };
  let heights: number[] | undefined;
  let isTraining = false;
  /** Whether the reader looks at it. What goes on waits meanwhile. */
  let isShown = false;
  /** Whether there is a network, or will be as soon as the last one has stopped. */
  let isBegun = false;
  /** Why it stopped. */
  let trouble = '';
  /** Stops what goes on when it is aborted; made anew for each change of data, weights or device. */
  let scope = new AbortController();
  let work: Promise<void> = Promise.resolve();
  let speed = 0;
  let pointsPerSecond = Number.NaN;

  function onChange(names: readonly (keyof typeof SETTINGS)[]): void {
    if (names.some((name) => name === 'data' || name === 'device' || name === 'seed')) begin();
    else if (names.some((name) => name !== 'sigma')) training?.use(values.method, methodSettings());
    describe();
    changed();
  }

  function methodSettings(): MethodSettings {
    const { k, rho, rate, momentum, adaptive, alpha } = values;
    return { k, rho, alpha: adaptive ? 'adaptive' : alpha, learningRate: rate, momentum };
  }

  /** Begins with new weights, on the wanted device, as soon as what goes on has stopped. */
  function begin(): void {
    scope.abort();
    scope = new AbortController();
    isTraining = false;
    trouble = '';
    isBegun = isShown;
    describe();
    if (!isShown) return;
    const present = scope;
    work = work.then(() => run(present.signal)).catch((error) => complain(error, present));
  }

  async function run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    device = await useDevice(values.device);
    const task = given ?? TASKS[values.data]();
    training = new Training(task, values.seed, values.method, methodSettings());
    record = { losses: [], accuracies: [], sharpness: [], noise: [] };
    heights = undefined;
    lead.replaceChildren(task.says);
    describe();
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const done = new AbortController();
    const gone = lossOf(device, done.signal);
    const works = [learnOn(training, either), lookAt(training, device, either)];
    try {
      await Promise.race([Promise.all(works), gone]);
    } finally {
      // Where one failed, the other one stops, too.
      stop.abort();
      await Promise.race([Promise.allSettled(works), gone.catch(() => {})]);
      done.abort();
      training.dispose();
      training = undefined;
    }
  }

  /** Trains whenever it is wanted. */
  async function learnOn(one: Training, signal: AbortSignal): Promise<void> {
    record.accuracies.push([0, await one.accuracy()]);
    drawAccuracies();
    let tested = 0;
    while (!signal.aborted) {
      await nextFrame();
      if (!isTraining || !isShown || signal.aborted) continue;
      const began = performance.now();
      const steps = one.steps;
      let loss: tf.Scalar | undefined;
      do {
        loss?.dispose();
        loss = one.step();
      } while (isGpu(device!) ? one.steps - steps < GPU_STEPS : performance.now() - began < BURST);
      const [value] = await loss.data();
      loss.dispose();
      if (!Number.isFinite(value)) throw new Diverged();
      speed = ((one.steps - steps) * 1000) / (performance.now() - began);
      keep(record.losses, [progressOf(one), value!]);
      drawLosses();
      if (performance.now() - tested < TEST_EVERY) continue;
      keep(record.accuracies, [progressOf(one), await one.accuracy()]);
      tested = performance.now();
      drawAccuracies();
    }
  }

  /** Measures again and again while it trains, and once more when it pauses. */
  async function lookAt(one: Training, on: Device, signal: AbortSignal): Promise<void> {
    let seen = -1;
    while (!signal.aborted) {
      if (seen === one.steps) {
        await nextFrame();
        continue;
      }
      seen = one.steps;
      one.hold();
      await one.surface(isGpu(on) ? 256 : 32, signal, async (progress) => {
        // The training has its turn after each piece.
        if (isTraining) await nextFrame();
        while (!isShown && !signal.aborted) await nextFrame();
        if (progress.done === 0) return;
        pointsPerSecond = progress.pointsPerSecond;
        // A coarse picture is drawn for the first surface only: later ones take the place of a whole one.
        if (progress.surface.complete || heights === undefined || seen === 0)
          heights = filled(progress.surface.loss, progress.surface.evaluated);
        paint();
      });
      if (signal.aborted) return;
      const radii = RADII.map((share) => share * one.task.radius);
      const rises = await one.sharpness(radii, signal);
      const underNoise = await one.underNoise(signal);
      record.sharpness.splice(1, 1, rises);
      record.noise.splice(1, 1, underNoise);
      drawCurves();
    }
  }

  function learn(): void {
    if (!isBegun) begin();
    isTraining = true;
    describe();
  }

  function pause(): void {
    isTraining = false;
    describe();
  }

  function complain(error: unknown, { signal }: AbortController): void {
    if (signal.aborted) return;
    isTraining = false;
    isBegun = false;
    trouble = `It stopped: ${(error as Error).message}`;
    describe();
    if (!(error instanceof Diverged)) reportError(error);
  }

  function progressOf({ steps, task }: Training): number {
    return (steps * 64) / task.train.size;
  }

  function color(): string {
    return styleOf(values.method).color;
  }

  function drawLosses(): void {
    const { losses } = record;
    const smooth = smoothed(losses);
    const last = smooth.at(-1)?.[1];
    charts.loss.draw(
      [
        { color: color(), points: losses, faint: true },
        { color: color(), points: smooth },
      ],
      last === undefined ? '' : `Now ${digits(last)}.`,
    );
    facts.loss.textContent = last === undefined ? '–' : digits(last, 2);
    facts.epoch.textContent = training ? `${training.epoch}` : '0';
    facts.speed.textContent = isTraining ? digits(speed, 2) : '–';
  }

  function drawAccuracies(): void {
    const last = record.accuracies.at(-1)?.[1];
    charts.accuracy.draw(
      [{ color: color(), points: record.accuracies, marked: true }],
      last === undefined ? '' : `Now ${percent(last)}.`,
    );
    facts.accuracy.textContent = last === undefined ? '–' : percent(last);
  }

  function drawCurves(): void {
    const { sharpness, noise } = record;
    const curves = (all: number[][], x: readonly number[]): Curve[] =>
      all.map((one, i) => ({
        color: i === 0 && all.length > 1 ? cssColor('--muted') : color(),
        points: one.map((value, at) => [x[at]!, value] as const),
        faint: i === 0 && all.length > 1,
      }));
    const before = sharpness.length > 1 ? '; gray: before the training' : '';
    const radius = training?.task.radius ?? 1;
    const rise = sharpness.at(-1)?.at(-1);
    charts.sharpness.draw(
      curves(
        sharpness,
        RADII.map((share) => share * radius),
      ),
      rise === undefined
        ? ''
        : `One step of length ${digits(radius)} raises the loss by ${digits(rise)}${before}.`,
    );
    const level = NOISE_LEVELS.findIndex((sigma) => Math.abs(sigma - values.sigma) < 1e-6);
    const now = noise.at(-1)?.[level];
    const point: Curve[] =
      now === undefined ? [] : [{ color: color(), points: [[values.sigma, now]], marked: true }];
    charts.noise.draw(
      [...curves(noise, NOISE_LEVELS), ...point],
      now === undefined
        ? ''
        : `With noise of ${digits(values.sigma)} times each weight, ${percent(now)} are right${before}.`,
    );
  }

  function paint(): void {
    if (heights === undefined || !plane.isShown) return;
    plane.paint({ columns: SURFACE_POINTS, rows: SURFACE_POINTS, values: heights }, 18);
    const [x, y] = plane.pixel([0, 0]);
    plane.svg.replaceChildren(s('circle', { cx: x, cy: y, r: 5.5, fill: color(), class: 'walker' }));
    const here = heights[(heights.length - 1) / 2]!;
    const rim = Math.max(...heights.filter(Number.isFinite));
    surfaceSays.replaceChildren(
      `The loss of ${training?.measured ?? ''} samples around the weights, along two random directions: ` +
        `${digits(here, 2)} at the dot, up to ${digits(rim, 2)} at the rim. ` +
        `${SURFACE_POINTS} × ${SURFACE_POINTS} points, ${digits(pointsPerSecond, 2)} per second.`,
    );
  }

  function describe(): void {
    const { label } = styleOf(values.method as MethodName);
    go.textContent = isTraining ? 'Pause' : isBegun && record.losses.length > 0 ? 'Go on' : 'Train';
    const where =
      device === undefined ? 'It starts.' : `${BACKENDS[device.backend]} on ${device.name} computes.`;
    const state = isTraining
      ? `${label} trains a small network in this page.`
      : `A small network ${record.losses.length > 0 ? 'waits to go on' : 'waits to be trained'}, ` +
        `by ${label}.`;
    sentence.replaceChildren(trouble || `${state} ${where}`);
    const uses = {
      k: ['lookahead', 'multistepSAM', 'lookbehindSAM'],
      rho: ['sam', 'multistepSAM', 'lookbehindSAM'],
      alpha: ['lookahead', 'lookbehindSAM'],
      adaptive: ['lookbehindSAM'],
    };
    for (const [name, methods] of Object.entries(uses))
      control[name as keyof typeof uses].hidden = !methods.includes(values.method);
    if (values.method === 'lookbehindSAM') control.alpha.hidden = values.adaptive;
    drawLosses();
    drawAccuracies();
    drawCurves();
    paint();
  }

  const control = settings.controls();
  control.data.hidden = given !== undefined;
  const fact = (name: string, value: HTMLElement) => h('li', {}, h('span', {}, name), value);
  const element = layout('Train and look', {
    stage: [
      lead,
      h(
        'div',
        { class: 'transport' },
        go,
        anew,
        h(
          'ul',
          { class: 'facts' },
          fact('epoch', facts.epoch),
          fact('loss', facts.loss),
          fact('test accuracy', facts.accuracy),
          fact('steps per second', facts.speed),
        ),
      ),
      h(
        'div',
        { class: 'panels' },
        h('figure', { class: 'chart' }, h('h3', {}, 'Loss surface'), plane.element, surfaceSays),
        h('div', { class: 'stack' }, charts.loss.element, charts.accuracy.element),
        h('div', { class: 'stack' }, charts.sharpness.element, charts.noise.element),
      ),
      sentence,
    ],
    side: [
      control.data,
      control.method,
      h('div', { class: 'sliders' }, control.rho, control.k, control.alpha, control.rate, control.momentum),
      control.adaptive,
      h('div', { class: 'sliders' }, control.sigma),
      control.device,
    ],
  });
  return {
    title: 'Train and look',
    element,
    settings,
    show() {
      isShown = true;
      if (isBegun) describe();
      else begin();
    },
    report: async () => [
      ...(device ? [`It trains by ${BACKENDS[device.backend]} on ${device.name}`] : []),
      ...(await devices()),
    ],
    hide() {
      isShown = false;
    },
  };
}

/** Resolves before the next drawing; also in a page that is not drawn. */
function nextFrame(): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, 200);
    requestAnimationFrame(() => {
      clearTimeout(late);
      resolve();
    });
  });
}

/** Appends a point to a curve. */
function keep(points: [number, number][], point: [number, number]): void {
  points.push(point);
  if (points.length < 2 * KEPT) return;
  const merged = Array.from({ length: KEPT }, (_, i): [number, number] => {
    const [[, first], [x, second]] = [points[2 * i]!, points[2 * i + 1]!];
    return [x, (first + second) / 2];
  });
  points.splice(0, points.length, ...merged);
}

/** A running mean over a twentieth of the way. */
function smoothed(points: readonly [number, number][]): [number, number][] {
  const share = 2 / (2 + Math.min(40, points.length / 10));
  let mean = points[0]?.[1] ?? 0;
  return points.map(([x, y]) => {
    mean += share * (y - mean);
    return [x, mean];
  });
}

/**
 * The points of a surface, row by row from below; where there is none yet, that of the nearest coarser point.
 */
function filled(loss: readonly number[][], evaluated: readonly boolean[][]): number[] {
  const n = loss.length;
  return Array.from({ length: n * n }, (_, i) => {
    for (const stride of [1, 2, 4, 8]) {
      const [x, y] = [i % n, Math.floor(i / n)].map((at) => Math.round(at / stride) * stride);
      if (evaluated[x!]?.[y!]) return loss[x!]![y!]!;
    }
    return Number.NaN;
  });
}
