/**
 * One example of each figure: for the snapshot tests, and to look at
 * (`node --import tsx test/figures/render.ts FOLDER`).
 */
import * as figures from 'lookbehind/figures';

const {
  accuracyMatrix,
  alphaCurve,
  barrierCurve,
  bars,
  contourPath,
  curves,
  dotRange,
  gridOf,
  heatmap,
  landscapeContours,
  landscapeSurfaces,
  lookbehindStepFigure,
  noiseCurve,
  panels,
  perturbationCurve,
  scatter,
  scatterTradeoff,
  smallMultiples,
  spectrum,
  withFrames,
  withSlider,
} = figures;

const caption = {
  data: 'MNIST-1D, 4,000 training and 4,000 test signals',
  model: 'MLP 40-100-100-10',
  seeds: 3,
  profile: 'quick',
  cost: '1.2 M gradient evaluations, 41 s',
  device: '2 CPU cores',
  note: 'Bands: one standard deviation over seeds',
};

const METHODS = ['sgd', 'lookahead', 'sam', 'multistepSAM', 'lookbehindSAM', 'lookbehindSAMAdaptive'];

/** Three seeds of a smooth curve with a deterministic wobble. */
function threeRuns(x: readonly number[], f: (x: number) => number, wobble: number): number[][] {
  return [0, 1, 2].map((seed) => x.map((at, i) => f(at) + wobble * Math.sin(7 * i + 2.1 * seed * seed + 1)));
}

const toy = (x: number, y: number) =>
  -Math.exp(-((x - 2) ** 2) - y ** 2) - Math.exp(-(x ** 2 + 100 * y ** 2));

/** A deterministic way from the start towards an end. */
function way(end: figures.Point, steps: number, bend: number): figures.Point[] {
  return Array.from({ length: steps + 1 }, (_, i): figures.Point => {
    const t = 1 - Math.exp((-4 * i) / steps);
    return [-0.4 + (end[0] + 0.4) * t, -0.4 + (end[1] + 0.4) * t + bend * Math.sin(Math.PI * t)];
  });
}

/** A curved valley, with its gradient. */
const valley = (x: number, y: number) => 0.3 * (x - 2) ** 2 + 0.8 * (y - Math.sin(x)) ** 2;
const valleyGradient = ([x, y]: figures.Point): figures.Point => [
  0.6 * (x - 2) - 1.6 * (y - Math.sin(x)) * Math.cos(x),
  1.6 * (y - Math.sin(x)),
];

/** One Lookbehind step on the valley in plain numbers. */
function lookbehindStep(slow: figures.Point, { k = 4, rho = 0.3, learningRate = 0.22, alpha = 0.6 } = {}) {
  const perturbed: figures.Point[] = [];
  const fast: figures.Point[] = [];
  const gradients: figures.Point[] = [];
  let p = slow;
  let f = slow;
  for (let i = 0; i < k; i++) {
    const up = valleyGradient(p);
    const norm = Math.hypot(...up);
    p = [p[0] + (rho * up[0]) / norm, p[1] + (rho * up[1]) / norm];
    const gradient = valleyGradient(p);
    f = [f[0] - learningRate * gradient[0], f[1] - learningRate * gradient[1]];
    perturbed.push(p);
    gradients.push(gradient);
    fast.push(f);
  }
  const newSlow: figures.Point = [slow[0] + alpha * (f[0] - slow[0]), slow[1] + alpha * (f[1] - slow[1])];
  return { slow, perturbed, fast, gradients, newSlow };
}

/** A tradeoff curve: the larger rho, the flatter and the higher the loss. */
function tradeoff(method: string, rhos: readonly number[], shift: number): figures.TradeoffSeries {
  return {
    method,
    points: rhos.map((rho) => ({
      rho,
      loss: [-1, 0, 1].map((seed) => 0.3 + shift + rho + 0.012 * seed),
      sharpness: [-1, 0, 1].map((seed) => 0.25 + 0.06 / (rho + 0.12) + shift / 2 + 0.009 * seed),
    })),
  };
}

const tradeoffs = (flip: number) => [
  tradeoff('sam', [0.1, 0.2, 0.3], 0.05 * flip),
  tradeoff('multistepSAM', [0.05, 0.1, 0.2, 0.3], 0.08),
  { ...tradeoff('lookbehindSAM', [0.05, 0.1, 0.2, 0.3], 0), k: 5 },
];

const plane = (sharpness: number) =>
  gridOf((x, y) => 0.05 + sharpness * (x ** 2 + 0.6 * y ** 2) + 0.15 * (1 - Math.cos(3 * x)), {
    x: [-1, 1],
    y: [-1, 1],
    points: 25,
  });

const landscapes: figures.LandscapePanel[] = [
  {
    title: 'SGD',
    grid: plane(3),
    trajectories: [
      {
        method: 'sgd',
        points: [
          [0.9, 0.8],
          [0.5, 0.3],
          [0.2, 0.05],
          [0, 0],
        ],
        loss: [3.9, 1.4, 0.3, 0.05],
        outside: [0.6, 0.5, 0.3, 0],
      },
    ],
  },
  { title: 'SAM', grid: plane(1.4) },
  { title: 'Lookbehind-SAM, k = 5', grid: plane(0.7) },
];

const epochs = Array.from({ length: 30 }, (_, i) => i + 1);
const radii = [0, 0.1, 0.2, 0.3, 0.5, 0.7, 1];
const sigmas = [0, 0.1, 0.2, 0.3, 0.4, 0.5];

/** Figures by name; the name is also that of the snapshot. */
export const samples: Record<string, () => figures.Figure> = {
  curves: () =>
    curves({
      series: METHODS.map((method, m) => ({
        method,
        x: epochs,
        runs: threeRuns(epochs, (epoch) => 30 + 45 * Math.exp(-epoch / (5 + m)) - m, 0.9),
      })),
      y: { title: 'Test error', unit: '%' },
      subtitle: 'One shared learning rate, 0.1',
      caption,
    }),
  'curves-k': () =>
    curves({
      series: [1, 2, 5, 10].map((k) => ({
        method: 'lookbehindSAM',
        k,
        x: epochs,
        runs: threeRuns(epochs, (epoch) => 0.02 + 2 * Math.exp((-epoch * k ** 0.5) / 8), 0.01),
      })),
      y: { title: 'Training loss', log: true },
      caption: 'A short caption.',
    }),
  perturbationCurve: () =>
    perturbationCurve({
      series: METHODS.map((method, m) => ({
        method,
        rho: radii,
        loss: threeRuns(radii, (rho) => 0.1 + rho ** 2 * (3 - m / 2.5), 0.03),
      })),
      caption,
    }),
  noiseCurve: () =>
    noiseCurve({
      series: METHODS.map((method, m) => ({
        method,
        sigma: sigmas,
        accuracy: threeRuns(sigmas, (sigma) => 96 - (60 - 6 * m) * sigma ** 2, 0.8),
      })),
      caption,
    }),
  heatmap: () =>
    heatmap({
      columns: [0.2, 0.5, 0.8, 1, 'adaptive'],
      rows: [1, 2, 5, 10],
      values: [
        [36.1, 33.2, 31.9, 31.5, 31.5],
        [34.8, 29.9, 27.8, 27.3, 27.8],
        [31.2, 26.9, 25.5, 41.3, 42.9],
        [28.4, 26.8, Number.NaN, Number.NaN, Number.NaN],
      ],
      spreads: [
        [0.7, 0.6, 0.5, 0.5, 0.5],
        [0.7, 0.4, 0.7, 0.6, 0.7],
        [0.5, 0.7, 0.8, 9.1, 7.8],
        [0.4, 0.7, 0, 0, 0],
      ],
      x: 'α',
      y: 'k',
      z: 'Test error (%)',
      best: 'min',
      title: 'Test error of Lookbehind-SAM over k and α',
      caption,
    }),
  heatmapOfSides: () =>
    heatmap({
      columns: [15, 30, 90],
      rows: ['Digits, MLP', 'Digits, MLP, 40 % wrong'],
      values: [
        [14, 5.6, Number.NaN],
        [16.9, 4.4, -1.2],
      ],
      missing: [
        ['', '', '0.4, open'],
        ['', '', ''],
      ],
      notes: [
        ['k = 2, ρ = 0.007', 'k = 2, ρ = 0.007', 'k = 2, ρ = 0.021'],
        ['k = 2, ρ = 0.013', '', 'k = 5, ρ = 0.011'],
      ],
      middle: 0,
      x: 'Gradients per training sample',
      y: 'Data',
      z: 'Lookbehind minus best other (points)',
      caption,
    }),
  contourPath: () =>
    contourPath({
      grid: gridOf(toy, { x: [-1, 3], y: [-1, 1], points: 41 }),
      trajectories: [
        { method: 'sgd', points: way([0, 0], 40, 0) },
        { method: 'sam', points: way([2, 0], 40, 0.2) },
        { method: 'lookbehindSAM', k: 5, points: way([2, 0], 12, -0.1), arrows: true },
      ],
      marks: [
        { at: [-0.4, -0.4], text: 'start', side: 'left' },
        { at: [0, 0], text: 'sharp', side: 'above' },
        { at: [2, 0], text: 'flat', side: 'above' },
      ],
      subtitle: 'Two minima: SGD falls into the sharp one',
      caption:
        'L(x, y) = −exp(−(x − 2)² − y²) − exp(−(x² + 100 y²)), start ' +
        '(−0.4, −0.4), learning rate 0.01, ρ = 0.1.',
    }),
  lookbehindStepFigure: () =>
    lookbehindStepFigure({
      ...lookbehindStep([0.1, 0.35]),
      grid: gridOf(valley, { x: [-1.6, 3.4], y: [-1.8, 1.5], points: 25 }),
      subtitle: 'k = 4, ρ = 0.3, α = 0.6 on a toy loss',
      caption: 'Each descent gradient is taken at a perturbed point and applied to the fast weights.',
    }),
  'lookbehindStepFigure-bare': () =>
    lookbehindStepFigure({ ...lookbehindStep([0.1, 0.35], { k: 2 }), gradients: [] }),
  scatterTradeoff: () =>
    scatterTradeoff({ series: tradeoffs(1), y: { title: 'Sharpness at radius 0.5' }, caption }),
  dotRange: () =>
    dotRange({
      rows: [
        { method: 'lookbehindSAM', k: 2, estimate: -0.2, low: -0.9, high: 0.5 },
        { method: 'lookbehindSAM', k: 5, estimate: 1.0, low: 0.2, high: 1.8 },
        { method: 'multistepSAM', estimate: -0.8, low: -1.4, high: -0.2 },
        { method: 'lookaheadSAM', estimate: -1.0, low: -2.1, high: 0.1 },
        { label: 'my optimizer', estimate: 0.4, low: -0.5, high: 1.3 },
      ],
      x: { title: 'Test error minus that of SAM', unit: 'points' },
      better: 'left',
      title: 'Paired differences to SAM',
      caption:
        'Lines: 95 % t intervals, n = 5, Holm-corrected for 5 ' +
        'comparisons. Filled: the interval excludes zero.',
    }),
  bars: () =>
    bars({
      bars: METHODS.map((method, m) => ({
        method,
        values: [32 - 1.4 * m, 33 - 1.4 * m, 34.5 - 1.4 * m, m === 5 ? Number.NaN : 33],
      })),
      x: { title: 'Test error', unit: '%' },
      caption,
    }),
  scatter: () =>
    scatter({
      series: METHODS.map((method, m) => ({
        method,
        x: [0, 1, 2, 3].map((seed) => 0.5 - 0.06 * m + 0.02 * Math.sin(3 * seed + m)),
        y: [0, 1, 2, 3].map((seed) => 8 - 0.5 * m + 0.7 * Math.cos(5 * seed + 2 * m)),
      })),
      x: { title: 'Sharpness at radius 0.5' },
      y: { title: 'Accuracy drop at σ = 0.3', unit: 'points' },
      subtitle: 'Spearman correlation 0.71, 95 % interval [0.45, 0.86]',
      caption,
    }),
  spectrum: () => {
    const lambda = Array.from({ length: 121 }, (_, i) => -2 + i * 0.2);
    const density = (top: number) =>
      lambda.map((at) => Math.exp(-((at / 0.4) ** 2)) + 2e-3 * Math.exp(-(((at - top) / 0.5) ** 2)));
    return spectrum({
      series: [
        { method: 'sgd', lambda, density: density(19), top: [19, 15, 12] },
        { method: 'sam', lambda, density: density(9), top: [9, 7, 4] },
        {
          method: 'lookbehindSAM',
          lambda,
          density: density(5),
          standardError: density(5).map((value) => value / 3),
          top: [5, 4, 3],
        },
      ],
      caption,
    });
  },
  barrierCurve: () => {
    const t = Array.from({ length: 21 }, (_, i) => i / 20);
    return barrierCurve({
      series: [
        { method: 'sgd', t, loss: threeRuns(t, (at) => 0.1 + 1.4 * Math.sin(Math.PI * at) ** 2, 0.03) },
        { method: 'sam', t, loss: threeRuns(t, (at) => 0.15 + 0.8 * Math.sin(Math.PI * at) ** 2, 0.03) },
        {
          method: 'lookbehindSAM',
          t,
          loss: threeRuns(t, (at) => 0.12 + 0.3 * Math.sin(Math.PI * at) ** 2, 0.03),
        },
      ],
      caption,
    });
  },
  alphaCurve: () =>
    alphaCurve({
      series: [
        'dense_1/kernel',
        'dense_1/bias',
        'dense_2/kernel',
        'dense_2/bias',
        'logits/kernel',
        'logits/bias',
      ].map((layer, l) => ({
        layer,
        x: epochs,
        alpha: epochs.map((epoch) => 0.5 + 0.45 * Math.exp(-epoch / (4 + 4 * l)) * Math.cos(epoch / 6)),
      })),
      x: { title: 'Epoch' },
      caption,
    }),
  accuracyMatrix: () =>
    accuracyMatrix({
      accuracy: [0, 1, 2, 3, 4].map((i) =>
        [0, 1, 2, 3, 4].map((j) => (j > i ? Number.NaN : 96 - 7 * (i - j))),
      ),
      tasks: ['0°', '36°', '72°', '108°', '144°'],
      caption,
    }),
  landscapeContours: () => landscapeContours({ landscapes, log: true, caption }),
  'landscapeContours-one': () => landscapeContours({ landscapes: landscapes.slice(0, 1), caption }),
  landscapeSurfaces: () => landscapeSurfaces({ landscapes, log: true, caption }),
  'panels-rows': () =>
    panels({
      panels: [
        { title: 'Shared learning rate', figure: samples.dotRange!() },
        { title: 'Tuned learning rates', figure: samples.dotRange!() },
      ],
      rowHeight: 180,
      shareY: true,
      title: 'Paired differences to SAM',
      caption,
    }),
  'panels-log': () =>
    panels({
      panels: [0.0125, 0.05, 0.0001].map((low) => ({
        title: `From ${low}`,
        figure: curves({
          series: [{ method: 'lookbehindSAM', k: 10, x: [low, 8 * low, 64 * low], runs: [[33, 31, 34]] }],
          x: { title: 'One step, ρ', log: true },
        }),
      })),
      columns: 3,
      shareY: true,
      caption,
    }),
  smallMultiples: () =>
    smallMultiples({
      figure: samples.noiseCurve!(),
      title: 'Accuracy under weight noise, method by method',
      subtitle: 'Each method over all others in gray',
      caption,
    }),
  withSlider: () =>
    withSlider({
      frames: [0.1, 0.2, 0.3, 0.4].map((rho) => ({
        label: String(rho),
        figure: panels({
          panels: [1, 3].map((k) => ({
            title: `k = ${k}`,
            figure: lookbehindStepFigure({
              ...lookbehindStep([0.1, 0.35], { k, rho }),
              width: 300,
              grid: gridOf(valley, { x: [-1.6, 3.4], y: [-1.8, 1.5], points: 25 }),
            }),
          })),
          title: 'One step of Lookbehind',
          subtitle: `The steps back are ${rho} long`,
          caption,
        }),
      })),
      name: 'ρ =',
      shown: 2,
    }),
  withFrames: () =>
    withFrames({
      frames: [1, 2, 3].map((learned) => ({
        label: String(learned),
        figure: accuracyMatrix({
          accuracy: [0, 1, 2].map((i) =>
            [0, 1, 2].map((j) => (i < learned && j <= i ? 96 - 7 * (i - j) : Number.NaN)),
          ),
          caption,
        }),
      })),
      name: 'Tasks learned:',
    }),
  'withSlider-curves': () =>
    withSlider({
      frames: [1, 2, 4].map((factor) => ({
        label: String(factor),
        figure: noiseCurve({
          series: METHODS.slice(0, 3).map((method, m) => ({
            method,
            sigma: sigmas,
            accuracy: threeRuns(sigmas, (sigma) => 90 - m - 40 * factor * sigma ** 2, 0.6),
          })),
          caption,
        }),
      })),
      name: 'Noise, times',
      shown: 0,
    }),
  panels: () =>
    panels({
      panels: [
        { title: 'Learning rate 0.1', figure: scatterTradeoff({ series: tradeoffs(1) }) },
        { title: 'Learning rate 0.3', figure: scatterTradeoff({ series: tradeoffs(-1) }) },
      ],
      shareY: true,
      title: 'Loss against sharpness',
      subtitle:
        'Lookbehind is below SAM at the small learning rate; at the large one it is the other way round',
      caption,
    }),
};
