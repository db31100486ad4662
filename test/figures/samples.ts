/** One example of each figure: for the snapshot tests, and to look at (`node --import tsx test/figures/render.ts FOLDER`). */
import { figures } from 'lookbehind';

const { contourPath, curves, gridOf, heatmap, noiseCurve, perturbationCurve } = figures;

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

const toy = (x: number, y: number) => -Math.exp(-((x - 2) ** 2) - y ** 2) - Math.exp(-(x ** 2 + 100 * y ** 2));

/** A deterministic way from the start towards an end. */
function way(end: figures.Point, steps: number, bend: number): figures.Point[] {
  return Array.from({ length: steps + 1 }, (_, i): figures.Point => {
    const t = 1 - Math.exp((-4 * i) / steps);
    return [-0.4 + (end[0] + 0.4) * t, -0.4 + (end[1] + 0.4) * t + bend * Math.sin(Math.PI * t)];
  });
}

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
  contourPath: () =>
    contourPath({
      grid: gridOf(toy, { x: [-1, 3], y: [-1, 1] }),
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
      caption: 'L(x, y) = −exp(−(x − 2)² − y²) − exp(−(x² + 100 y²)), start (−0.4, −0.4), learning rate 0.01, ρ = 0.1.',
    }),
};
