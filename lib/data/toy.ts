/**
 * Toy problems: losses of a few parameters with known minima, and small two-dimensional data sets.
 */
import { checkNumber, OptionError } from '../core/errors';
import { checkOptions, needed, number, numbers, type OptionsOf, whole } from '../core/options';
import { Random } from '../core/random';
import * as tf from '../core/tf';
import { Dataset } from './dataset';

/** A minimum of a toy loss. */
export interface ToyMinimum {
  /** What it is called, such as `'sharp'`. */
  name: string;
  /** Where it is. */
  point: number[];
}

/** A loss of a few parameters, for pictures and tests. */
export interface ToyLoss {
  /** What it is called, such as `'two minima'`. */
  name: string;
  /** Number of parameters. */
  dimensions: number;
  /** The usual starting point. */
  start: number[];
  /** All minima, local ones included. */
  minima: ToyMinimum[];
  /**
   * The loss as a differentiable function of a tensor or variable with `dimensions` elements, of any shape.
   */
  loss(point: tf.Tensor): tf.Scalar;
  /** The same in plain numbers, float64: for contour plots. */
  valueAt(point: ArrayLike<number>): number;
}

/**
 * A sharp and a flat minimum side by side: `L(x, y) = -exp(-(x - 2)^2 - y^2) - exp(-x^2 - 100 y^2)`.
 *
 * From the start `(-0.4, -0.4)` gradient descent ends in the sharp one, sharpness-aware methods in the flat
 * one. The example of optax for SAM (https://optax.readthedocs.io, "Sharpness-Aware Minimization").
 */
export function twoMinima(): ToyLoss {
  return {
    name: 'two minima',
    dimensions: 2,
    start: [-0.4, -0.4],
    minima: [
      { name: 'sharp', point: [0.042496, 0] },
      { name: 'flat', point: [1.957504, 0] },
    ],
    loss: (point) =>
      tf.tidy(() => {
        const [x, y] = coordinates(point, 2);
        const flat = tf.exp(tf.neg(x.sub(2).square().add(y.square())));
        const sharp = tf.exp(tf.neg(x.square().add(y.square().mul(100))));
        return tf.neg(flat.add(sharp)) as tf.Scalar;
      }),
    valueAt: ({ 0: x, 1: y }) => -Math.exp(-((x - 2) ** 2) - y * y) - Math.exp(-x * x - 100 * y * y),
  };
}

const ROSENBROCK = {
  /** First coordinate of the minimum, and square root of the second. Default 1. */
  a: number({}, 1),
  /** Steepness of the valley's walls, > 0. Default 100. */
  b: number({ min: 0, exclusiveMin: true }, 100),
};

/** Options of `rosenbrock`. */
export type RosenbrockOptions = OptionsOf<typeof ROSENBROCK>;

/** Rosenbrock's banana valley: `f(x, y) = (a - x)^2 + b (y - x^2)^2`. */
export function rosenbrock(options: RosenbrockOptions = {}): ToyLoss {
  const { a, b } = checkOptions('rosenbrock', ROSENBROCK, options);
  return {
    name: 'rosenbrock',
    dimensions: 2,
    start: [-1.2, 1],
    minima: [{ name: 'minimum', point: [a, a * a] }],
    loss: (point) =>
      tf.tidy(() => {
        const [x, y] = coordinates(point, 2);
        return tf.sub(a, x).square().add(y.sub(x.square()).square().mul(b)) as tf.Scalar;
      }),
    valueAt: ({ 0: x, 1: y }) => (a - x) ** 2 + b * (y - x * x) ** 2,
  };
}

const QUADRATIC = {
  /** Eigenvalues of the Hessian, one per parameter, each > 0: the curvature along the axes. */
  curvatures: needed(numbers({ min: 0, exclusiveMin: true })),
  /** The minimum. Default the origin. */
  minimum: numbers(),
  /** Start. Default all ones. */
  start: numbers(),
};

/** Options of `quadratic`. */
export type QuadraticOptions = OptionsOf<typeof QUADRATIC>;

/** A bowl along the axes: `f(w) = sum_i curvatures[i] / 2 * (w[i] - minimum[i])^2`. */
export function quadratic(options: QuadraticOptions): ToyLoss {
  const { curvatures, ...ends } = checkOptions('quadratic', QUADRATIC, options);
  const { minimum = curvatures.map(() => 0), start = curvatures.map(() => 1) } = ends;
  for (const [option, list] of Object.entries({ minimum, start })) {
    if (list.length !== curvatures.length)
      throw new OptionError(option, list, `one number per curvature, ${curvatures.length}`);
  }
  return {
    name: 'quadratic',
    dimensions: curvatures.length,
    start: [...start],
    minima: [{ name: 'minimum', point: [...minimum] }],
    loss: (point) =>
      tf.tidy(() => {
        const offset = point.reshape([curvatures.length]).sub(tf.tensor1d([...minimum]));
        return offset
          .square()
          .mul(tf.tensor1d([...curvatures]))
          .sum()
          .div(2) as tf.Scalar;
      }),
    valueAt: (point) => curvatures.reduce((sum, c, i) => sum + (c / 2) * (point[i] - minimum[i]) ** 2, 0),
  };
}

/** Describes the options of `twoMoons`. */
export const TWO_MOONS = {
  /** Number of samples, at least 2; half of them in each class. Default 400. */
  samples: whole({ min: 2 }, 400),
  /** Standard deviation of the noise on both coordinates, at least 0. Default 0.1. */
  noise: number({ min: 0 }, 0.1),
  /** Seed of noise and order. Default 0. */
  seed: whole({}, 0),
};

/** Options of `twoMoons`. */
export type TwoMoonsOptions = OptionsOf<typeof TWO_MOONS>;

/**
 * Two interleaved half circles of radius 1, the ones of scikit-learn's make_moons: `inputShape` `[2]`, 2
 * classes.
 */
export function twoMoons(options: TwoMoonsOptions = {}): Dataset {
  const { samples, ...random } = checkOptions('twoMoons', TWO_MOONS, options);
  return pointSet('two moons', 2, samples, random, (label, share) => {
    const angle = Math.PI * share;
    return label === 0 ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.5 - Math.sin(angle)];
  });
}

/** Describes the options of `spirals`. */
export const SPIRALS = {
  /** Number of arms and classes, at least 2. Default 2. */
  classes: whole({ min: 2 }, 2),
  /** Number of samples, at least `classes`, the same in each class to within one. Default 400. */
  samples: whole({ min: 2 }, 400),
  /** Turns of each arm around the origin, > 0. Default 1.5. */
  turns: number({ min: 0, exclusiveMin: true }, 1.5),
  /** Standard deviation of the noise on both coordinates, at least 0. Default 0.02. */
  noise: number({ min: 0 }, 0.02),
  /** Seed of noise and order. Default 0. */
  seed: whole({}, 0),
};

/** Options of `spirals`. */
export type SpiralsOptions = OptionsOf<typeof SPIRALS>;

/** Interleaved spiral arms from the origin out to radius 1: `inputShape` `[2]`. */
export function spirals(options: SpiralsOptions = {}): Dataset {
  const { classes, samples, turns, ...random } = checkOptions('spirals', SPIRALS, options);
  checkNumber('samples', samples, { min: classes });
  return pointSet('spirals', classes, samples, random, (label, share) => {
    const radius = 0.1 + 0.9 * share;
    const angle = 2 * Math.PI * (turns * share + label / classes);
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}

/**
 * Noisy points on one curve per class, in random order; `curve` gets the class and how far along its curve to
 * go, 0 to 1.
 */
function pointSet(
  name: string,
  classes: number,
  samples: number,
  { noise, seed }: { noise: number; seed: number },
  curve: (label: number, share: number) => [number, number],
): Dataset {
  const random = new Random(seed, name);
  const inputs = new Float32Array(2 * samples);
  const labels = new Int32Array(samples);
  random.permutation(samples).forEach((place, i) => {
    const label = i % classes;
    const inClass = Math.ceil((samples - label) / classes);
    const [x, y] = curve(label, inClass > 1 ? Math.floor(i / classes) / (inClass - 1) : 0);
    inputs[2 * place] = x + random.normal(0, noise);
    inputs[2 * place + 1] = y + random.normal(0, noise);
    labels[place] = label;
  });
  return new Dataset({
    name,
    split: 'all',
    inputs,
    labels,
    inputShape: [2],
    classes: Array.from({ length: classes }, (_, label) => String(label)),
  });
}

/** The elements of `point` as scalars. */
function coordinates(point: tf.Tensor, n: number): tf.Tensor[] {
  return tf.unstack(point.reshape([n]));
}
