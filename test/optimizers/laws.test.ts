/** Laws that hold for any weights and any options. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import {
  adamw,
  asam,
  lookahead,
  lookbehindASAM,
  lookbehindSAM,
  multistepASAM,
  multistepSAM,
  repeatedSAM,
  sam,
  sgd,
  straightSAM,
} from 'lookbehind';
import { compile } from 'lookbehind/compile';
import type { LossPass } from 'lookbehind/extend';
import { walk as compiledWalk } from 'lookbehind/train';
import { difference, FAMILY, Quadratic, walk } from './support';

const ROUNDING = 2e-6;
const runs = { numRuns: 4 };
/** Without subnormal numbers: TensorFlow's kernels flush them to zero. */
const weight = fc.double({ min: -2, max: 2, noNaN: true }).map((x) => (Math.abs(x) < 2 ** -126 ? 0 : x));
const start = fc.array(weight, { minLength: 3, maxLength: 3 });
const options = fc.record({
  learningRate: fc.double({ min: 0.001, max: 0.1, noNaN: true }),
  momentum: fc.constantFrom(0, 0.5, 0.9),
  weightDecay: fc.constantFrom(0, 5e-4, 0.1),
  rho: fc.double({ min: 0.001, max: 0.3, noNaN: true }),
});

describe('identities', () => {
  it('k = 1 and alpha = 1, or adaptive, is SAM and ASAM', () => {
    fc.assert(
      fc.property(start, options, fc.constantFrom(1, 'adaptive' as const), (w, o, alpha) => {
        assert.ok(
          difference(walk(lookbehindSAM({ ...o, k: 1, alpha }), 4, w), walk(sam(o), 4, w)) < ROUNDING,
        );
        assert.ok(
          difference(walk(lookbehindASAM({ ...o, k: 1, alpha }), 4, w), walk(asam(o), 4, w)) < ROUNDING,
        );
      }),
      runs,
    );
  });

  it('multistep with k = 1 is SAM and ASAM, bit for bit', () => {
    fc.assert(
      fc.property(start, options, (w, o) => {
        assert.deepEqual(walk(multistepSAM({ ...o, k: 1 }), 4, w), walk(sam(o), 4, w));
        assert.deepEqual(walk(multistepASAM({ ...o, k: 1 }), 4, w), walk(asam(o), 4, w));
      }),
      runs,
    );
  });

  it('rho = 0 is the base optimizer; Lookbehind takes k base steps on the batch and interpolates', () => {
    fc.assert(
      fc.property(start, options, (from, { rho: _, ...o }) => {
        assert.deepEqual(walk(sam({ ...o, rho: 0 }), 4, from), walk(sgd(o), 4, from));
        assert.deepEqual(walk(multistepSAM({ ...o, rho: 0, k: 3 }), 4, from), walk(sgd(o), 4, from));
        // With rho = 0 the live weights stay at the slow ones, so all k gradients are the same one.
        const lookbehind = walk(
          lookbehindSAM({ learningRate: o.learningRate, rho: 0, k: 4, alpha: 0.25 }),
          3,
          from,
        );
        assert.ok(difference(lookbehind, walk(sgd({ learningRate: o.learningRate }), 3, from)) < ROUNDING);
      }),
      runs,
    );
  });

  it('alpha = 0 leaves the slow weights, bit for bit', () => {
    fc.assert(
      fc.property(start, options, (w, o) => {
        const [after] = walk(lookbehindSAM({ ...o, k: 3, alpha: 0 }), 1, w);
        assert.equal(difference([after], [w.map(Math.fround)]), 0);
      }),
      runs,
    );
  });

  it('alpha = 1/k under plain SGD descends along the mean of the path gradients', () => {
    fc.assert(
      fc.property(
        start,
        fc.integer({ min: 1, max: 6 }),
        fc.double({ min: 0.01, max: 0.2, noNaN: true }),
        (w, k, rho) => {
          const learningRate = 0.05;
          const problem = new Quadratic(w);
          const optimizer = lookbehindSAM({ learningRate, k, alpha: 1 / k, rho });
          const path: number[][] = [];
          tf.tidy(() => {
            const { visits } = optimizer.step(problem.loss, problem.variables);
            for (const { gradients } of visits.slice(1))
              path.push(gradients.flatMap((g) => Array.from(g.dataSync())));
          });
          problem.values.forEach((value, i) => {
            const mean = path.reduce((sum, g) => sum + g[i], 0) / k;
            assert.ok(Math.abs(value - (Math.fround(w[i]) - learningRate * mean)) < 1e-5);
          });
          problem.dispose();
          optimizer.dispose();
        },
      ),
      runs,
    );
  });

  it('a fixed alpha is a factor of the learning rate, with momentum too; weight decay at the fast weights breaks it', () => {
    const pair = (
      w: number[],
      k: number,
      alpha: number,
      o: { learningRate: number; momentum: number; weightDecay: number; rho: number },
    ) =>
      [lookbehindSAM, lookbehindASAM].map((make) =>
        difference(
          walk(make({ ...o, k, alpha }), 6, w),
          walk(make({ ...o, k, alpha: 1, learningRate: alpha * o.learningRate }), 6, w),
        ),
      );
    fc.assert(
      fc.property(
        start,
        options,
        fc.integer({ min: 1, max: 6 }),
        fc.double({ min: 0.05, max: 1, noNaN: true }),
        (w, o, k, alpha) => {
          // Steps of moderate size, so that rounding is not amplified.
          const steady = { ...o, learningRate: o.learningRate / 10, weightDecay: 0 };
          for (const far of pair(w, k, alpha, steady)) assert.ok(far < 2e-5, `${far} apart`);
        },
      ),
      { numRuns: 20 },
    );
    const decayed = { learningRate: 0.1, momentum: 0, weightDecay: 0.5, rho: 0.05 };
    for (const far of pair([1, -1, 1], 5, 0.2, decayed)) assert.ok(far > 1e-3, `${far} apart`);
  });

  it('equal products alpha * learningRate are one algorithm over hundreds of steps, momentum unscaled', () => {
    // The ascent path starts at the slow weights and never sees the fast ones, so both meet the same
    // gradients. The momentum is a sum of gradients, without alpha or the rate: it is equal, too, and only
    // what a step makes of it is scaled. Small steps, which end before the minimum: there the direction of a
    // vanishing gradient, and so rounding, decides.
    const loss = (point: tf.Tensor): tf.Scalar =>
      tf.sum(tf.mul([1.5, 0.5, 1], tf.square(tf.sub(point, [0.2, -1, 0.5]))));
    for (const momentum of [0, 0.9]) {
      const settings = [
        { alpha: 0.8, learningRate: 0.0005 },
        { alpha: 0.2, learningRate: 0.002 },
        { alpha: 0.2, learningRate: 0.0005 },
      ];
      const [a, b, c] = settings.map(({ alpha, learningRate }) => {
        const scaled = learningRate * (1 - momentum);
        const optimizer = lookbehindSAM({ alpha, learningRate: scaled, momentum, k: 5, rho: 0.05 });
        return compiledWalk({ loss, start: [2, -2, 1.5], optimizer, steps: 300 });
      });
      assert.ok(difference(a, b) < 2e-5, `${difference(a, b)} apart with momentum ${momentum}`);
      assert.ok(difference(a, c) > 0.1, 'another product is another way');
    }
  });

  it('the controls are Lookbehind with k = 1, and with rho = 0', () => {
    fc.assert(
      fc.property(
        start,
        options,
        fc.integer({ min: 2, max: 5 }),
        fc.constantFrom(0.5, 'adaptive' as const),
        (w, o, k, alpha) => {
          for (const control of [repeatedSAM, straightSAM]) {
            assert.deepEqual(
              walk(control({ ...o, k: 1, alpha }), 4, w),
              walk(lookbehindSAM({ ...o, k: 1, alpha }), 4, w),
            );
            const still = { ...o, rho: 0, k, alpha };
            assert.ok(difference(walk(control(still), 4, w), walk(lookbehindSAM(still), 4, w)) < ROUNDING);
          }
        },
      ),
      runs,
    );
  });

  it('Lookahead with k = 1 and alpha = 1 is its base', () => {
    fc.assert(
      fc.property(start, options, (w, o) => {
        assert.ok(
          difference(walk(lookahead(sam(o), { k: 1, alpha: 1 }), 4, w), walk(sam(o), 4, w)) < ROUNDING,
        );
      }),
      runs,
    );
  });

  it('reused gradients give the official path', () => {
    fc.assert(
      fc.property(
        start,
        options,
        fc.integer({ min: 2, max: 6 }),
        fc.constantFrom(0.5, 'adaptive' as const),
        (w, o, k, alpha) => {
          const reused = walk(lookbehindSAM({ ...o, k, alpha }), 3, w);
          assert.deepEqual(reused, walk(lookbehindSAM({ ...o, k, alpha, reuseGradients: false }), 3, w));
        },
      ),
      runs,
    );
  });

  it('momentum and weight decay counted per batch are those of one step where the gradient is constant', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 0.95, noNaN: true }),
        fc.integer({ min: 1, max: 6 }),
        (momentum, k) => {
          const w = tf.variable(tf.tensor1d([1, -2]));
          const zeroGradient = (): tf.Scalar => tf.mul(tf.sum(w), 0) as tf.Scalar;
          const optimizer = lookbehindSAM({ learningRate: 0.1, momentum, k, alpha: 1, countPer: 'batch' });
          optimizer.minimize(() => tf.sum(w) as tf.Scalar, false, [w]);
          const before = momentumOf(optimizer.base);
          optimizer.minimize(zeroGradient, false, [w]);
          // k inner steps without a gradient shrink the momentum by the factor of one step.
          momentumOf(optimizer.base).forEach((value, i) => {
            assert.ok(Math.abs(value - momentum * before[i]) < 1e-5 * Math.abs(before[i]));
          });
          optimizer.dispose();
          w.dispose();
        },
      ),
      runs,
    );
  });
});

describe('geometry', () => {
  it('the first ascent of SAM has length rho, and that of ASAM in rescaled weights', () => {
    fc.assert(
      fc.property(start, fc.double({ min: 0.001, max: 1, noNaN: true }), (w, rho) => {
        const sizes = [false, true].map((adaptive) => {
          const problem = new Quadratic(w);
          fc.pre(Math.hypot(...problem.gradient(w)) > 1e-3);
          const optimizer = adaptive ? lookbehindASAM({ rho, eta: 0.01 }) : lookbehindSAM({ rho });
          const point = tf.tidy(() => {
            const { visits } = optimizer.step(problem.loss, problem.variables);
            return visits[1].weights.flatMap((t) => Array.from(t.dataSync()));
          });
          const size = Math.hypot(
            ...point.map((value, i) => (value - Math.fround(w[i])) / (adaptive ? Math.abs(w[i]) + 0.01 : 1)),
          );
          problem.dispose();
          optimizer.dispose();
          return size;
        });
        for (const size of sizes)
          assert.ok(Math.abs(size - rho) < 1e-4 + 1e-3 * rho, `${size} in place of ${rho}`);
      }),
      runs,
    );
  });

  it('the perturbed points lie at most i * rho from the slow weights', () => {
    fc.assert(
      fc.property(start, fc.integer({ min: 1, max: 6 }), (w, k) => {
        const rho = 0.1;
        const problem = new Quadratic(w);
        const optimizer = lookbehindSAM({ rho, k });
        const points = tf.tidy(() =>
          optimizer
            .step(problem.loss, problem.variables)
            .visits.map(({ weights }) => weights.flatMap((t) => Array.from(t.dataSync()))),
        );
        points.forEach((point, i) => {
          assert.ok(Math.hypot(...point.map((value, j) => value - points[0][j])) <= rho * i + 1e-5);
        });
        problem.dispose();
        optimizer.dispose();
      }),
      runs,
    );
  });

  it('the straight path goes on in the first direction; repeated SAM takes one gradient at its mean distance', () => {
    fc.assert(
      fc.property(start, fc.integer({ min: 1, max: 6 }), (w, k) => {
        const rho = 0.1;
        for (const make of [straightSAM, repeatedSAM]) {
          const problem = new Quadratic(w);
          const gradient = problem.gradient(w);
          fc.pre(Math.hypot(...gradient) > 1e-2);
          const optimizer = make({ rho, k });
          const points = tf.tidy(() =>
            optimizer
              .step(problem.loss, problem.variables)
              .visits.map(({ weights }) => weights.flatMap((t) => Array.from(t.dataSync()))),
          );
          const distances = make === repeatedSAM ? [0, ((k + 1) / 2) * rho] : points.map((_, i) => i * rho);
          assert.equal(points.length, distances.length);
          points.forEach((point, i) => {
            const wanted = gradient.map((g, j) => w[j] + (distances[i] * g) / Math.hypot(...gradient));
            assert.ok(difference([point], [wanted]) < 1e-4);
          });
          problem.dispose();
          optimizer.dispose();
        }
      }),
      runs,
    );
  });

  it('ASAM with eta = 0 is invariant under rescaling of the weights', () => {
    const product = (c: number): number[] => {
      // f depends on a * b only; scaling a by c and b by 1/c must not change the perturbed product.
      const a = tf.variable(tf.scalar(2 * c));
      const b = tf.variable(tf.scalar(0.5 / c));
      const seen: number[] = [];
      const loss = (): tf.Scalar => {
        const value = tf.mul(a, b) as tf.Scalar;
        seen.push(value.dataSync()[0]);
        return tf.square(tf.sub(value, 3)) as tf.Scalar;
      };
      const optimizer = multistepASAM({ learningRate: 0, rho: 0.1, eta: 0, k: 3 });
      optimizer.minimize(loss, false, [a, b]);
      optimizer.dispose();
      tf.dispose([a, b]);
      return seen;
    };
    const plain = product(1);
    assert.equal(plain.length, 4);
    fc.assert(
      fc.property(fc.double({ min: 0.05, max: 20, noNaN: true }), (c) => {
        product(c).forEach((value, i) => {
          assert.ok(Math.abs(value - plain[i]) < 1e-5);
        });
      }),
      runs,
    );
  });

  it('adaptive alpha lies in [0, 1]', () => {
    fc.assert(
      fc.property(start, options, fc.integer({ min: 1, max: 5 }), (w, o, k) => {
        const problem = new Quadratic(w);
        const optimizer = lookbehindSAM({ ...o, k, alpha: 'adaptive' });
        for (let i = 0; i < 3; i++) {
          const alphas = tf.tidy(() =>
            optimizer.step(problem.loss, problem.variables).alphas!.map((alpha) => alpha.dataSync()[0]),
          );
          assert.equal(alphas.length, 2);
          for (const alpha of alphas) assert.ok(alpha >= 0 && alpha <= 1, `alpha ${alpha}`);
        }
        problem.dispose();
        optimizer.dispose();
      }),
      runs,
    );
  });
});

describe('every algorithm', () => {
  for (const [name, make] of Object.entries(FAMILY)) {
    it(`${name} goes down a quadratic`, () => {
      const path = walk(make({ learningRate: 0.1, momentum: 0.5 }), 30);
      const problem = new Quadratic(path[29]);
      const gradient = Math.hypot(...problem.gradient(path[29]));
      problem.dispose();
      assert.ok(gradient < 0.8, `gradient norm ${gradient} after 30 steps`);
    });

    it(`${name} stays put, without NaN, where the gradient is zero`, () => {
      const w = tf.variable(tf.tensor1d([1, 0, -3]));
      const optimizer = make({ learningRate: 0.1, momentum: 0.9 });
      for (let i = 0; i < 3; i++) optimizer.minimize(() => tf.mul(tf.sum(w), 0) as tf.Scalar, false, [w]);
      assert.deepEqual(Array.from(w.dataSync()), [1, 0, -3]);
      optimizer.dispose();
      w.dispose();
    });

    it(`${name} leaves a variable without a gradient alone, as PyTorch does`, () => {
      const used = tf.variable(tf.scalar(1));
      const unused = tf.variable(tf.scalar(5));
      const optimizer = make({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.5 });
      for (let i = 0; i < 6; i++)
        optimizer.minimize(() => tf.square(used) as tf.Scalar, false, [used, unused]);
      assert.equal(unused.dataSync()[0], 5);
      assert.ok(used.dataSync()[0] < 1);
      optimizer.dispose();
      tf.dispose([used, unused]);
    });

    it(`${name} leaks no tensor`, () => {
      const before = tf.memory().numTensors;
      const problem = new Quadratic();
      const optimizer = make({ learningRate: 0.01, momentum: 0.9 });
      optimizer.minimize(problem.loss, false, problem.variables);
      const warm = tf.memory().numTensors;
      for (let i = 0; i < 20; i++) optimizer.minimize(problem.loss, true, problem.variables)!.dispose();
      assert.equal(tf.memory().numTensors, warm);
      problem.dispose();
      optimizer.dispose();
      assert.equal(tf.memory().numTensors, before);
    });

    it(`${name} takes the same steps where they are compiled`, () => {
      const start = [0.8, -0.6];
      const loss = (point: tf.Tensor): tf.Scalar => tf.sum(tf.square(tf.sub(tf.square(point), [1, 2])));
      const [compiled, plain] = [0, 1].map(() =>
        make({ learningRate: 0.02, momentum: 0.5, weightDecay: 0.1 }),
      );
      const path = compiledWalk({ loss, start, optimizer: compiled, steps: 6 });
      const w = tf.variable(tf.tensor1d(start));
      for (const point of path.slice(1)) {
        plain.minimize(() => loss(w), false, [w]);
        assert.ok(difference([point], [Array.from(w.dataSync())]) < ROUNDING);
      }
      assert.equal(compiled.gradientEvaluations, plain.gradientEvaluations);
      tf.dispose(w);
      for (const one of [compiled, plain]) one.dispose();
    });

    it(`${name} counts the gradients it takes`, () => {
      const problem = new Quadratic();
      const optimizer = make({ learningRate: 0.01 });
      for (let i = 0; i < 4; i++) optimizer.minimize(problem.loss, false, problem.variables);
      assert.equal(optimizer.gradientEvaluations, problem.evaluations);
      assert.equal(optimizer.iterations, 4);
      problem.dispose();
      optimizer.dispose();
    });
  }

  it('takes as many gradients as declared', () => {
    const count = (
      make: () => ReturnType<(typeof FAMILY)[string]>,
      loss?: (problem: Quadratic) => (pass: LossPass) => tf.Scalar,
    ) => {
      const problem = new Quadratic();
      const optimizer = make();
      optimizer.minimize(loss?.(problem) ?? problem.loss, false, problem.variables);
      problem.dispose();
      const { gradientEvaluations } = optimizer;
      optimizer.dispose();
      return gradientEvaluations;
    };
    const switching = (problem: Quadratic) => (pass: LossPass) =>
      pass.inner >= 0 ? problem.loss() : tf.scalar(0);
    assert.equal(
      count(() => sgd()),
      1,
    );
    assert.equal(
      count(() => sam()),
      2,
    );
    assert.equal(
      count(() => multistepSAM({ k: 5 })),
      6,
    );
    assert.equal(
      count(() => lookbehindSAM({ k: 5 })),
      6,
    );
    assert.equal(
      count(() => straightSAM({ k: 5 })),
      6,
    );
    assert.equal(
      count(() => repeatedSAM({ k: 5 })),
      2,
    );
    assert.equal(
      count(() => lookbehindSAM({ k: 5, reuseGradients: false })),
      10,
    );
    assert.equal(
      count(() => lookbehindSAM({ k: 5 }), switching),
      10,
      'a loss that reads the pass may switch batches',
    );
    assert.equal(
      count(() => lookbehindSAM({ k: 5, reuseGradients: true }), switching),
      6,
    );
  });

  it('falls back to the official order where the loss changes state of its own', () => {
    const problem = new Quadratic();
    const calls = tf.variable(tf.scalar(0), false);
    const optimizer = lookbehindSAM({ k: 3 });
    const loss = (): tf.Scalar => {
      calls.assign(tf.add(calls, 1));
      return problem.loss();
    };
    optimizer.minimize(loss, false, problem.variables);
    assert.equal(calls.dataSync()[0], 6);
    problem.dispose();
    optimizer.dispose();
    calls.dispose();
  });
});

describe('AdamW', () => {
  it('follows the formula in float64', () => {
    const [learningRate, beta1, beta2, epsilon, weightDecay] = [0.05, 0.8, 0.95, 1e-6, 0.1];
    const path = walk(adamw({ learningRate, beta1, beta2, epsilon, weightDecay }), 12);
    let w = [0.8, -0.6, 1.5].map(Math.fround);
    let m = [0, 0, 0];
    let v = [0, 0, 0];
    const problem = new Quadratic();
    path.forEach((values, step) => {
      const g = problem.gradient(w);
      const t = step + 1;
      m = m.map((value, i) => beta1 * value + (1 - beta1) * g[i]);
      v = v.map((value, i) => beta2 * value + (1 - beta2) * g[i] ** 2);
      w = w.map((value, i) => {
        const update = m[i] / (1 - beta1 ** t) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + epsilon);
        return value - learningRate * weightDecay * value - learningRate * update;
      });
      assert.ok(difference([values], [w]) < 1e-5);
    });
    problem.dispose();
  });

  it('is tf.train.adam without weight decay', () => {
    const ours = walk(adamw({ learningRate: 0.02, weightDecay: 0, epsilon: 1e-7 }), 10);
    const problem = new Quadratic();
    const theirs = tf.train.adam(0.02, 0.9, 0.999, 1e-7);
    const path = Array.from({ length: 10 }, () => {
      theirs.minimize(problem.loss, false, problem.variables);
      return problem.values;
    });
    assert.ok(difference(ours, path) < 1e-5);
    theirs.dispose();
    problem.dispose();
  });

  it('is a base for every scheme', () => {
    const path = walk(lookbehindSAM({ base: adamw({ learningRate: 0.1 }), k: 3 }), 60);
    const problem = new Quadratic();
    assert.ok(Math.hypot(...problem.gradient(path[59])) < 0.5);
    problem.dispose();
  });
});

describe('two minima, one sharp and one flat', () => {
  // L(x, y) = -exp(-(x - 2)^2 - y^2) - exp(-(x^2 + 100 y^2)) from (-0.4, -0.4), learning rate 0.01, rho 0.1:
  // the example of optax.
  const end = (optimizer: ReturnType<(typeof FAMILY)[string]>): number[] => {
    const x = tf.variable(tf.scalar(-0.4));
    const y = tf.variable(tf.scalar(-0.4));
    const loss = (): tf.Scalar =>
      tf.tidy(() => {
        const flat = tf.exp(tf.neg(tf.add(tf.square(tf.sub(x, 2)), tf.square(y))));
        const sharp = tf.exp(tf.neg(tf.add(tf.square(x), tf.mul(tf.square(y), 100))));
        return tf.neg(tf.add(flat, sharp)) as tf.Scalar;
      });
    const step = compile(() => optimizer.step(loss, [x, y]).loss);
    for (let i = 0; i < 4000; i++) step().dispose();
    step.dispose();
    const point = [x.dataSync()[0], y.dataSync()[0]];
    optimizer.dispose();
    tf.dispose([x, y]);
    return point;
  };
  const near = ([x, y]: number[], [a, b]: number[]) => Math.hypot(x - a, y - b) < 0.2;

  it('SGD stays in the sharp one', () => {
    const point = end(sgd({ learningRate: 0.01 }));
    assert.ok(near(point, [0, 0]), `${point}`);
  });
  it('SAM and Lookbehind reach the flat one', () => {
    const reached = {
      sam: end(sam({ learningRate: 0.01, rho: 0.1 })),
      lookbehind: end(lookbehindSAM({ learningRate: 0.01, rho: 0.1, k: 2 })),
    };
    for (const [name, point] of Object.entries(reached)) assert.ok(near(point, [2, 0]), `${name}: ${point}`);
  });
});

function momentumOf({
  slots,
}: {
  slots: { list(): Array<{ kind: string; variable: tf.Variable }> };
}): number[] {
  return slots
    .list()
    .filter(({ kind }) => kind === 'momentum')
    .flatMap(({ variable }) => Array.from(variable.dataSync()));
}
