/**
 * Base optimizers, clipping and selective weight decay against PyTorch, alone and inside of the official
 * classes.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { adam, adamw, asam, isKernel, lookahead, lookbehindSAM, rmsprop, sam, sgd } from 'lookbehind';
import { accelerate } from 'lookbehind/compile';
import type { DescentOptimizer, FamilyOptimizer } from 'lookbehind/extend';
import { walk as compiledWalk } from 'lookbehind/train';
import { difference, Quadratic, walk } from './support';

interface Base {
  type: 'sgd' | 'adam' | 'adamw' | 'rmsprop';
  lr: number;
  weight_decay?: number;
  momentum?: number;
  betas?: [number, number];
  eps?: number;
  alpha?: number;
  centered?: boolean;
}

interface Case {
  scheme: 'none' | 'sam' | 'asam' | 'lookbehind-sam';
  base: Base;
  rho?: number;
  k?: number;
  alpha?: number | 'adaptive';
  clipNorm?: number;
  clipValue?: number;
  decayOf?: 'weights';
  steps: number[][];
}

interface Golden {
  model: { A: number[][]; b: number[]; start: number[] };
  cases: Case[];
}

const { model, cases } = JSON.parse(
  readFileSync(join(__dirname, '..', 'golden', 'bases.json'), 'utf8'),
) as Golden;

/** As the file's tolerance for float32 against float64 numbers. */
const TOLERANCE = 2e-5;

function baseOf({ base, clipNorm, clipValue, decayOf }: Case): DescentOptimizer {
  const {
    type,
    lr,
    weight_decay: weightDecay = 0,
    momentum = 0,
    betas: [beta1, beta2] = [0.9, 0.999],
    eps: epsilon = 1e-8,
  } = base;
  const common = { learningRate: lr, weightDecay, clipNorm, clipValue, decays: decayOf && isKernel };
  if (type === 'sgd') return sgd({ ...common, momentum });
  if (type === 'rmsprop')
    return rmsprop({ ...common, epsilon, momentum, smoothing: base.alpha, centered: base.centered });
  return { adam, adamw }[type]({ ...common, beta1, beta2, epsilon });
}

function optimizerOf(one: Case): FamilyOptimizer {
  const { scheme, rho, k, alpha } = one;
  const base = baseOf(one);
  if (scheme === 'none') return base;
  if (scheme === 'lookbehind-sam') return lookbehindSAM({ base, rho, k, alpha });
  return scheme === 'sam' ? sam({ base, rho }) : asam({ base, rho });
}

describe('bases against PyTorch', () => {
  for (const one of cases) {
    const { steps, scheme, base, ...rest } = one;
    it(`${scheme}, ${JSON.stringify({ ...base, ...rest })}`, () => {
      const optimizer = optimizerOf(one);
      const [A, b] = [tf.tensor2d(model.A), tf.tensor1d(model.b)];
      const name = `${scheme} ${cases.indexOf(one)}`;
      const weight = tf.variable(tf.tensor1d(model.start.slice(0, 2)), true, `${name}/kernel`);
      const bias = tf.variable(tf.tensor1d(model.start.slice(2)), true, `${name}/bias`);
      const loss = (): tf.Scalar => {
        const v = tf.concat([weight, bias]) as tf.Tensor1D;
        return tf.sub(tf.mul(tf.dot(v, tf.dot(A, v)), 0.5), tf.dot(b, v)) as tf.Scalar;
      };
      const path = steps.map(() => {
        optimizer.minimize(loss, false, [weight, bias]);
        return [...weight.dataSync(), ...bias.dataSync()];
      });
      const far = difference(path, steps);
      tf.dispose([A, b, weight, bias]);
      optimizer.dispose();
      assert.ok(far <= TOLERANCE, `${far} apart`);
    });
  }
});

describe('bases of tf.train', () => {
  const makers: Record<string, () => tf.Optimizer> = {
    sgd: () => tf.train.sgd(0.05),
    momentum: () => tf.train.momentum(0.05, 0.8, true),
    adagrad: () => tf.train.adagrad(0.05),
    adadelta: () => tf.train.adadelta(0.05),
    adam: () => tf.train.adam(0.05),
    adamax: () => tf.train.adamax(0.05),
    rmsprop: () => tf.train.rmsprop(0.02, 0.9, 0.5, 1e-6, true),
  };
  for (const [name, make] of Object.entries(makers)) {
    it(`${name}: its own steps where nothing climbs, also compiled`, () => {
      const before = tf.memory().numTensors;
      const alone = new Quadratic();
      const stock = make();
      const expected = Array.from({ length: 8 }, () => {
        stock.minimize(alone.loss, false, alone.variables);
        return alone.values;
      });
      const schemes: Array<(base: tf.Optimizer) => FamilyOptimizer> = [
        (base) => sam({ base, rho: 0 }),
        (base) => lookbehindSAM({ base, rho: 0, k: 1, alpha: 1 }),
        (base) => lookahead(base, { k: 1, alpha: 1 }),
      ];
      for (const scheme of schemes) {
        const base = make();
        assert.ok(difference(walk(scheme(base), 8), expected) < 1e-6);
        base.dispose();
      }
      const start = [0.8, -0.6];
      const loss = (point: tf.Tensor): tf.Scalar => tf.sum(tf.square(tf.sub(tf.square(point), [1, 2])));
      const [one, other] = [make(), make()];
      const [compiled, plain] = [one, other].map((base) =>
        lookbehindSAM({ base, rho: 0.05, k: 3, alpha: 0.5 }),
      );
      const path = compiledWalk({ loss, start, optimizer: compiled, steps: 5 });
      const w = tf.tidy(() => tf.variable(tf.tensor1d(start)));
      for (const point of path.slice(1)) {
        plain.minimize(() => loss(w), false, [w]);
        assert.ok(difference([point], [Array.from(w.dataSync())]) < 1e-5);
      }
      assert.deepEqual([one.iterations, other.iterations], [15, 15], 'each inner step is one');
      assert.throws(() => plain.saveState(), /cannot be saved: take sgd, adam/);
      plain.learningRate = 0;
      const resting = Array.from(w.dataSync());
      plain.minimize(() => loss(w), false, [w]);
      if (name !== 'rmsprop')
        assert.deepEqual(Array.from(w.dataSync()), resting, 'the learning rate is passed on');
      for (const item of [alone, stock, compiled, plain, w, one, other]) item.dispose();
      // tf.train.momentum never frees one scalar, of six optimizers here.
      assert.equal(tf.memory().numTensors - before, name === 'momentum' ? 6 : 0);
    });
  }
});

it('a base of tf.train in model.fit: the same numbers with accelerate, and from a learning rate that changes', async () => {
  const [xs, ys] = [
    tf.randomNormal([40, 4], 0, 1, 'float32', 1),
    tf.oneHot(tf.range(0, 40, 1, 'int32').mod(tf.scalar(3, 'int32')), 3),
  ];
  const losses = async (fast: boolean): Promise<number[]> => {
    const kernelInitializer = tf.initializers.glorotNormal({ seed: 3 });
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 8, activation: 'tanh', inputShape: [4], kernelInitializer }),
        tf.layers.dense({ units: 3, activation: 'softmax', kernelInitializer }),
      ],
    });
    const optimizer = lookbehindSAM({ base: tf.train.adam(0.05), k: 2 });
    model.compile({ optimizer, loss: 'categoricalCrossentropy' });
    if (fast) accelerate(model);
    const callbacks = { onEpochEnd: (epoch: number) => optimizer.setLearningRate(0.05 / (epoch + 2)) };
    const { history } = await model.fit(xs, ys, {
      epochs: 4,
      batchSize: 16,
      shuffle: false,
      verbose: 0,
      callbacks,
    });
    model.dispose();
    return history.loss as number[];
  };
  const [plain, fast] = [await losses(false), await losses(true)];
  assert.ok(difference([fast], [plain]) < 1e-5, `${fast} and ${plain}`);
  assert.ok(plain[3] < plain[0]);
  tf.dispose([xs, ys]);
});

it('isKernel leaves out biases and normalizations', () => {
  const names = [
    'm/dense/kernel',
    'm/dense/bias',
    'norm/gamma',
    'norm/beta_1',
    'embedding/embeddings',
    'conv/depthwise_kernel_2',
  ];
  assert.deepEqual(
    names.filter((name) => isKernel({ name })),
    ['m/dense/kernel', 'embedding/embeddings', 'conv/depthwise_kernel_2'],
  );
});

it('an optimizer with a predicate is not saved itself', () => {
  const optimizer = sgd({ decays: isKernel });
  assert.throws(() => optimizer.getConfig(), /decays must be left out/);
  optimizer.dispose();
});
