/**
 * Loss surfaces: lossSurface and evaluateMany against the plain loop of stock TensorFlow.js (setWeights,
 * evaluate).
 *
 *     npm run -s bench:landscape [-- --rounds 5 --cases mlp-128,mlp-1024,convnet,resnet20,mnist
 *                                    --loopPoints 40 --side 5]
 *
 * The plain loop (landscapePlain.cjs) runs in a process of its own, once as TensorFlow.js comes and once with
 * TensorFlow's oneDNN kernels, which this library switches on; each with tf.js's own default of 32 examples
 * per batch and with all examples at once. All take turns in each round, and must find the same losses. The
 * loop is timed on some of the points only (--loopPoints). `ratio` compares warm points per second, in
 * brackets by processor time; `whole` compares the whole surface from nothing, compiling and the check of its
 * center included, with the loop over as many points.
 */

import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { mnist } from 'lookbehind/data';
import { Random } from 'lookbehind/extend';
import { flatWeights, lossSurface, Plane, randomDirection } from 'lookbehind/landscape';
import * as models from 'lookbehind/models';
import { ModelLoss } from 'lookbehind/train';
import { weightLayout } from '../lib/dist/landscape/layout';
import { PlaneSets } from '../lib/dist/landscape/plane';
import { median } from './measure';
import { PlainProcess } from './plainProcess';

interface Case {
  build(): tf.LayersModel;
  inputShape: number[];
  examples: number;
  /** Points along each side. */
  side: number;
  /** Times as fast as the plain loop, as the project has set itself. */
  target: number;
}

const CASES: Readonly<Record<string, Case>> = {
  'mlp-128': {
    build: () => models.mlp({ inputs: 64, hidden: [128, 128], classes: 10, name: 'bench-mlp' }),
    inputShape: [64],
    examples: 128,
    side: 21,
    target: 20,
  },
  'mlp-1024': {
    build: () => models.mlp({ inputs: 64, hidden: [128, 128], classes: 10, name: 'bench-mlp' }),
    inputShape: [64],
    examples: 1024,
    side: 21,
    target: 5,
  },
  convnet: {
    build: () =>
      models.convNet({ inputs: [28, 28, 1], filters: [16, 32], classes: 10, name: 'bench-convnet' }),
    inputShape: [28, 28, 1],
    examples: 1000,
    side: 21,
    target: 4,
  },
  resnet20: {
    build: () => models.resNet({ depth: 20, classes: 10, name: 'bench-resnet' }),
    inputShape: [32, 32, 3],
    examples: 1000,
    side: 11,
    target: 3,
  },
};

const { values: args } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    cases: { type: 'string', default: `${Object.keys(CASES).join()},mnist` },
    loopPoints: { type: 'string', default: '40' },
    side: { type: 'string' },
  },
});
const rounds = Number(args.rounds);

interface Timing {
  milliseconds: number;
  cpu: number;
}

async function timed(fn: () => unknown): Promise<Timing> {
  const started = performance.now();
  const usage = process.cpuUsage();
  await fn();
  const { user, system } = process.cpuUsage(usage);
  return { milliseconds: performance.now() - started, cpu: (user + system) / 1000 };
}

async function runCase(
  name: string,
  { build, inputShape, examples, target, ...options }: Case,
): Promise<void> {
  const side = Number(args.side ?? options.side);
  const model = build();
  const random = new Random(0, 'bench');
  const inputs = Float32Array.from(random.normals(inputShape.reduce((a, b) => a * b, examples)));
  const labels = Int32Array.from({ length: examples }, () => random.int(10));
  const [xs, ys] = [tf.tensor(inputs, [examples, ...inputShape]), tf.tensor1d(labels, 'int32')];
  const plane = new Plane(
    flatWeights(model),
    randomDirection(model, { seed: 1 }),
    randomDirection(model, { seed: 2 }),
  );
  const coordinates = Array.from({ length: side }, (_, i) => (2 * i) / (side - 1) - 1);
  const points = coordinates.flatMap((a) => coordinates.map((b) => [a, b] as const));
  const some = points.filter((_, p) => p % Math.ceil(points.length / Number(args.loopPoints)) === 0);
  const slots = weightLayout(model);

  const rssBefore = process.memoryUsage().rss;
  const whole = await timed(() =>
    lossSurface(model, { xs, ys }, { plane, x: { from: -1, to: 1, points: side } }),
  );
  const evaluator = new ModelLoss(model, { xs, ys });
  const sets = new PlaneSets(plane, slots, points);
  const { losses } = await evaluator.atMany(sets);
  const rssGrowth = (process.memoryUsage().rss - rssBefore) / 2 ** 20;
  // One at a time, some points tell the rate of all.
  const ours = evaluator.way === 'loop' ? some : points;
  const ourSets = new PlaneSets(plane, slots, ours);

  const parts = (flat: Float32Array): Float32Array[] =>
    slots.map(({ offset, size }) => flat.slice(offset, offset + size));
  const setUp = {
    topology: { modelTopology: JSON.parse(model.toJSON() as string) },
    shapes: slots.map(({ shape }) => shape),
    origin: parts(plane.origin),
    dx: parts(plane.x.values),
    dy: parts(plane.y!.values),
    others: model
      .getWeights()
      .slice(slots.length)
      .map((weight) => weight.dataSync()),
    inputs,
    inputShape,
    labels,
  };
  const stock = new PlainProcess('landscapePlain.cjs');
  const oneDNN = new PlainProcess('landscapePlain.cjs', true);
  const loops: Record<string, (chosen: typeof some) => Promise<Timing & { losses: number[] }>> = {
    'loop, batches of 32': (chosen) => stock.ask({ points: chosen, batchSize: 32 }),
    'loop, one batch': (chosen) => stock.ask({ points: chosen, batchSize: examples }),
    'loop, batches of 32, oneDNN': (chosen) => oneDNN.ask({ points: chosen, batchSize: 32 }),
    'loop, one batch, oneDNN': (chosen) => oneDNN.ask({ points: chosen, batchSize: examples }),
  };
  let worst = 0;
  try {
    await Promise.all([stock.ask(setUp), oneDNN.ask(setUp)]);
    for (const [way, loop] of Object.entries(loops)) {
      const found = (await loop(some)).losses;
      const differences = some.map(
        (point, s) => Math.abs(losses[points.indexOf(point)] - found[s]) / Math.max(1, found[s]),
      );
      worst = Math.max(worst, ...differences);
      if (!(worst < 1e-4)) throw new Error(`${name}, ${way}: the losses differ by ${worst}.`);
    }

    const perPoint = ({ milliseconds, cpu }: Timing, count: number): Timing => ({
      milliseconds: milliseconds / count,
      cpu: cpu / count,
    });
    const times: Timing[] = [];
    const others = Object.fromEntries(Object.keys(loops).map((way) => [way, [] as Timing[]]));
    for (let round = 0; round < rounds; round++) {
      times.push(perPoint(await timed(() => evaluator.atMany(ourSets)), ours.length));
      for (const [way, loop] of Object.entries(loops))
        others[way].push(perPoint(await loop(some), some.length));
    }
    const rate = (list: Timing[]): string =>
      (1000 / median(list.map(({ milliseconds }) => milliseconds))).toPrecision(3);
    console.log(
      `${name}: ${points.length} points, ${examples} examples, way ${evaluator.way}, ` +
        `chunks of ${evaluator.chunkSize}; wanted: ${target} times\n` +
        `  ${'evaluateMany'.padEnd(29)}${rate(times)} points/s; ` +
        `whole surface from nothing ${(whole.milliseconds / 1000).toFixed(2)} s`,
    );
    for (const [way, list] of Object.entries(others)) {
      const ratios = (of: keyof Timing): number[] =>
        list.map((timing, round) => timing[of] / times[round][of]);
      const range = [Math.min, Math.max]
        .map((pick) => pick(...ratios('milliseconds')).toFixed(1))
        .join(' to ');
      const ofWhole =
        (median(list.map(({ milliseconds }) => milliseconds)) * points.length) / whole.milliseconds;
      console.log(
        `  ${way.padEnd(29)}${rate(list)} points/s, ratio ${median(ratios('milliseconds')).toFixed(1)}, ` +
          `${range} (${median(ratios('cpu')).toFixed(1)}), whole ${ofWhole.toFixed(1)}`,
      );
    }
    console.log(
      `  largest difference of losses ${worst.toExponential(1)}; memory grew by ${rssGrowth.toFixed(0)} MB`,
    );
  } finally {
    stock.stop();
    oneDNN.stop();
    sets.dispose();
    ourSets.dispose();
    evaluator.dispose();
    tf.dispose([xs, ys]);
    model.dispose();
  }
}

/**
 * A surface of the MNIST ConvNet on 2,000 images: how long until the first picture, and until the last point.
 */
async function mnistSurface(): Promise<void> {
  const { train } = mnist();
  const model = models.convNet({ inputs: [28, 28, 1], filters: [16, 32], classes: 10, name: 'bench-mnist' });
  const plane = new Plane(
    flatWeights(model),
    randomDirection(model, { seed: 1 }),
    randomDirection(model, { seed: 2 }),
  );
  let first = Number.NaN;
  const began = performance.now();
  await lossSurface(model, train.subset(2000), {
    plane,
    x: { from: -1, to: 1, points: 25 },
    onProgress: ({ done }) => {
      if (done === 25) first = (performance.now() - began) / 1000;
    },
  });
  const all = (performance.now() - began) / 1000;
  console.log(
    'mnist: 25 x 25 points, 2000 examples: first picture after ' +
      `${first.toFixed(2)} s, whole after ${all.toFixed(1)} s`,
  );
  model.dispose();
}

async function main(): Promise<void> {
  for (const name of args.cases.split(',')) {
    if (name === 'mnist') await mnistSurface();
    else if (CASES[name] !== undefined) await runCase(name, CASES[name]);
    else throw new Error(`--cases may name ${Object.keys(CASES).join(', ')}, mnist; got ${name}.`);
  }
}

void main();
