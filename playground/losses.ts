/**
 * Losses of two variables, for pictures: each with its formula, its gradient in closed form, and how much it
 * is curved as its one number.
 */
import * as tf from '@tensorflow/tfjs';

/** A point of the plane, or a vector in it. */
export type Point = readonly [x: number, y: number];

/** A minimum of a loss. */
export interface Minimum {
  name: string;
  point: Point;
}

/** A loss of two variables. */
export interface PlaneLoss {
  /** HTML. */
  formula: string;
  /** The part of the plane that is shown. */
  extent: { x: Point; y: Point };
  /** Where to begin. */
  start: Point;
  minima: readonly Minimum[];
  value(point: Point): number;
  gradient(point: Point): Point;
}

/** The losses by the names that links call them, each of the curvature `c`. */
export const LOSSES = {
  bowl: (c) => ({
    formula: `<i>L</i>(<i>x</i>, <i>y</i>) = ½ (<i>x</i>² + ${c} <i>y</i>²)`,
    extent: { x: [-1.55, 1.55], y: [-1.1, 1.1] },
    start: [-1.1, 0.25],
    minima: [{ name: 'minimum', point: [0, 0] }],
    value: ([x, y]) => (x * x + c * y * y) / 2,
    gradient: ([x, y]) => [x, c * y],
  }),
  valley: (c) => ({
    formula: `<i>L</i>(<i>x</i>, <i>y</i>) = ½ (1 − <i>x</i>)² + ½ · ${c} (<i>y</i> − <i>x</i>²)²`,
    extent: { x: [-1.75, 1.75], y: [-0.9, 1.6] },
    start: [-0.25, 0.1],
    minima: [{ name: 'minimum', point: [1, 1] }],
    value: ([x, y]) => ((1 - x) ** 2 + c * (y - x * x) ** 2) / 2,
    gradient: ([x, y]) => [x - 1 - 2 * c * x * (y - x * x), c * (y - x * x)],
  }),
  minima: twoMinima,
} as const satisfies Record<string, (c: number) => PlaneLoss>;

/** Over how much height the edge between the two minima is rounded. */
const ROUNDING = 0.05;
/** The sharp one of the two minima. */
export const SHARP: Point = [-0.7, 0];
/** The flat one. */
export const FLAT: Point = [0.9, 0];

/**
 * The lower of a trench and a bowl that touch the same ground, with the edge between them rounded. Across,
 * the trench is `c` times as curved as along, and as the bowl is.
 */
function twoMinima(c: number): PlaneLoss {
  const both = ([x, y]: Point): [sharp: number, flat: number] => [
    ((x - SHARP[0]) ** 2 + c * y * y) / 2,
    ((x - FLAT[0]) ** 2 + y * y) / 2,
  ];
  /** How much of the trench is in the loss, 0 to 1. */
  const share = ([sharp, flat]: [number, number]) => 1 / (1 + Math.exp((sharp - flat) / ROUNDING));
  return {
    formula:
      `<i>L</i> = the lower of ½ ((<i>x</i> + 0.7)² + ${c} <i>y</i>²) and ` +
      '½ ((<i>x</i> − 0.9)² + <i>y</i>²), edge rounded',
    extent: { x: [-1.55, 1.55], y: [-1.1, 1.1] },
    start: [-1.3, 0.3],
    minima: [
      { name: 'sharp', point: SHARP },
      { name: 'flat', point: FLAT },
    ],
    value: (point) => {
      const [sharp, flat] = both(point);
      const low = Math.min(sharp, flat);
      return (
        low - ROUNDING * Math.log(Math.exp((low - sharp) / ROUNDING) + Math.exp((low - flat) / ROUNDING))
      );
    },
    gradient: ([x, y]) => {
      const p = share(both([x, y]));
      return [p * (x - SHARP[0]) + (1 - p) * (x - FLAT[0]), (p * c + 1 - p) * y];
    },
  };
}

/**
 * The loss as optimizers take it: at a variable of two numbers. The gradient is the closed form, which takes
 * a tenth of the time that tf.js needs to find it.
 */
export function lossAt({ value, gradient }: PlaneLoss, variable: tf.Variable): () => tf.Scalar {
  const loss = tf.customGrad((point) => {
    const [x, y] = (point as tf.Tensor).dataSync() as unknown as Point;
    return {
      value: tf.scalar(value([x!, y!])),
      gradFunc: (dy: tf.Tensor) => tf.mul(dy, tf.tensor1d([...gradient([x!, y!])])),
    };
  });
  return () => loss(variable) as tf.Scalar;
}
