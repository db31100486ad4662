/**
 * Loss surfaces: lossSurface and evaluateMany against a plain loop of stock TensorFlow.js (setWeights, evaluate).
 *
 *     npm run -s bench:landscape [-- --rounds 5 --cases mlp-128,mlp-1024,convnet,resnet20,mnist --loopPoints 40 --side 5]
 *
 * Both sides run in turns in one process. The plain loop is timed on some of the points only (--loopPoints), with two batch sizes: tf.js's
 * own default of 32, and all examples at once, which is the fastest for most models. `ratio` compares warm points per second; `whole` compares the whole
 * surface from nothing, compiling and the check of its centre included, with the loop over as many points. Losses of both must agree.
 */
import { parseArgs } from 'node:util';
import {
  flatWeights,
  lossSurface,
  ManyEvaluator,
  mnist,
  models,
  Plane,
  Random,
  randomDirection,
  tf,
  weightLayout,
} from 'lookbehind';
import { PlaneSets } from 'lookbehind/dist/landscape/plane';

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
    build: () => models.convNet({ inputs: [28, 28, 1], filters: [16, 32], classes: 10, name: 'bench-convnet' }),
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

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
const seconds = async (fn: () => unknown): Promise<number> => {
  const began = performance.now();
  await fn();
  return (performance.now() - began) / 1000;
};

async function runCase(name: string, { build, inputShape, examples, target, ...options }: Case): Promise<void> {
  const side = Number(args.side ?? options.side);
  const model = build();
  const random = new Random(0, 'bench');
  const xs = tf.tensor(random.normals(inputShape.reduce((a, b) => a * b, examples)), [examples, ...inputShape]);
  const ys = tf.tensor1d(
    Int32Array.from({ length: examples }, () => random.int(10)),
    'int32',
  );
  const oneHot = tf.oneHot(ys, 10);
  const origin = flatWeights(model);
  const plane = new Plane(origin, randomDirection(model, { seed: 1 }), randomDirection(model, { seed: 2 }));
  const coordinates = Array.from({ length: side }, (_, i) => (2 * i) / (side - 1) - 1);
  const points = coordinates.flatMap((a) => coordinates.map((b) => [a, b] as const));
  const some = points.filter((_, p) => p % Math.ceil(points.length / Number(args.loopPoints)) === 0);

  // The plain loop, as one writes it: the weights of a point by tf.js ops, setWeights, evaluate.
  model.compile({ optimizer: 'sgd', loss: (a, b) => tf.losses.softmaxCrossEntropy(a, b), metrics: ['accuracy'] });
  const slots = weightLayout(model);
  const part = (flat: Float32Array): tf.Tensor[] =>
    slots.map(({ offset, size, shape }) => tf.tensor(flat.slice(offset, offset + size), shape));
  const [w, dx, dy] = [origin, plane.x.values, plane.y!.values].map(part);
  const others = model.getWeights().slice(w.length);
  const plainLoop = (batchSize: number): number[] =>
    some.map(([a, b]) =>
      tf.tidy(() => {
        model.setWeights([...w.map((weight, i) => tf.add(weight, tf.add(tf.mul(dx[i], a), tf.mul(dy[i], b)))), ...others]);
        const [loss] = model.evaluate(xs, oneHot, { batchSize }) as tf.Scalar[];
        return loss.dataSync()[0];
      }),
    );

  const rssBefore = process.memoryUsage().rss;
  const axis = { from: -1, to: 1, points: side };
  const firstSeconds = await seconds(() => lossSurface(model, { xs, ys }, { plane, x: axis }));
  const evaluator = new ManyEvaluator(model, { xs, ys });
  const sets = new PlaneSets(plane, slots, points);
  const { losses } = await evaluator.run(sets);
  // One at a time, some points tell the rate of all.
  const timed = evaluator.way === 'loop' ? some : points;
  const timedSets = new PlaneSets(plane, slots, timed);
  const rssGrowth = (process.memoryUsage().rss - rssBefore) / 2 ** 20;

  const loopLosses = plainLoop(examples);
  const worst = Math.max(
    ...some.map((point, s) => Math.abs(losses[points.indexOf(point)] - loopLosses[s]) / Math.max(1, loopLosses[s])),
  );
  if (!(worst < 1e-4)) throw new Error(`${name}: the losses differ by ${worst}.`);

  const times = { many: [] as number[], small: [] as number[], whole: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    times.many.push((await seconds(() => evaluator.run(timedSets))) / timed.length);
    times.small.push((await seconds(() => plainLoop(32))) / some.length);
    times.whole.push((await seconds(() => plainLoop(examples))) / some.length);
  }
  const ratios = (other: number[]): string => {
    const all = other.map((time, round) => time / times.many[round]);
    return `${median(all).toFixed(1)} (${Math.min(...all).toFixed(1)} to ${Math.max(...all).toFixed(1)})`;
  };
  const whole = (other: number[]): string => ((median(other) * points.length) / firstSeconds).toFixed(1);
  console.log(
    `${name}: ${points.length} points, ${examples} examples, way ${evaluator.way}, chunks of ${evaluator.chunkSize}\n` +
      `  evaluateMany ${(1 / median(times.many)).toPrecision(3)} points/s; whole surface from nothing ${firstSeconds.toFixed(2)} s\n` +
      `  loop, batches of 32:  ${(1 / median(times.small)).toPrecision(3)} points/s, ratio ${ratios(times.small)}, whole ${whole(times.small)}\n` +
      `  loop, one batch:      ${(1 / median(times.whole)).toPrecision(3)} points/s, ratio ${ratios(times.whole)}, whole ${whole(times.whole)}\n` +
      `  target ${target}; largest difference of losses ${worst.toExponential(1)}; memory grew by ${rssGrowth.toFixed(0)} MB`,
  );
  sets.dispose();
  timedSets.dispose();
  evaluator.dispose();
  tf.dispose([xs, ys, oneHot, w, dx, dy]);
  model.dispose();
}

/** A surface of the MNIST ConvNet on 2,000 images: how long until the first picture, and until the last point. */
async function mnistSurface(): Promise<void> {
  const { train } = mnist();
  const model = models.convNet({ inputs: [28, 28, 1], filters: [16, 32], classes: 10, name: 'bench-mnist' });
  const plane = new Plane(flatWeights(model), randomDirection(model, { seed: 1 }), randomDirection(model, { seed: 2 }));
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
  console.log(`mnist: 25 x 25 points, 2000 examples: first picture after ${first.toFixed(2)} s, whole after ${all.toFixed(1)} s`);
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
