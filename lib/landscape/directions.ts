/**
 * Directions through weight space.
 *
 * Filter normalization: the weights d_f of each output unit ("filter") get the length of the network's own,
 *
 *     d_f <- d_f * ||w_f|| / (||d_f|| + 1e-10),      biases and BatchNorm's gamma and beta get 0
 *
 * so that a distance means the same in networks of different scale.
 *
 * Li, Xu, Taylor, Studer, Goldstein, "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018,
 * arXiv:1712.09913; github.com/tomgoldstein/loss-landscape (the options `--xnorm filter --xignore biasbn`).
 */
import { OptionError } from '../core/errors';
import { checkOptions, type Option, type OptionsOf, object, oneOf, text, whole } from '../core/options';
import { Random } from '../core/random';
import type * as tf from '../core/tf';
import { addScaled, dot, length } from '../sharpness/vectors';
import { checkFlatSize, flatWeights, type UnitSlot, weightLayout } from './layout';

/** A direction: a flat vector over all trainable weights, and what to call it. */
export interface Direction {
  /** Stands at the axis of figures. */
  label: string;
  /** One number per trainable weight, in the order of `weightLayout`. */
  values: Float32Array;
}

/** How a direction is scaled against the weights w. */
export type Normalization =
  /** The weights of each output unit get the length of those of w. */
  | 'filter'
  /** The weights of each tensor get the length of those of w. */
  | 'layer'
  /** Each weight is multiplied by that of w. */
  | 'weight'
  /** As it is. */
  | 'none';

const NORMALIZE = {
  /** Default `'filter'`. */
  normalization: oneOf<Normalization>(['filter', 'layer', 'weight', 'none'], 'filter'),
  /**
   * `'kernels'`: biases, gamma and beta get 0. `'all'`: they take part; where that is by unit, each of their
   * tensors counts as one unit. Default `'kernels'`.
   */
  include: oneOf(['kernels', 'all'], 'kernels'),
  /** The weights w, flat. Default: those of the model. */
  weights: object() as Option<Float32Array, 'optional'>,
};

/** Options of `normalizeDirection`. */
export type NormalizeOptions = OptionsOf<typeof NORMALIZE>;

const RANDOM = {
  /** Seed, a whole number. Default 0. */
  seed: whole({}, 0),
  /** Default: random direction and its seed. */
  label: text(),
};

/** Options of `randomDirection`. */
export type RandomDirectionOptions = OptionsOf<typeof RANDOM> & NormalizeOptions;

/** Keeps 0 / 0 away; the value of the reference. */
const NORM_EPSILON = 1e-10;

/**
 * A random direction: normally distributed, then normalized.
 *
 * @throws OptionError
 */
export function randomDirection(model: tf.LayersModel, options: RandomDirectionOptions = {}): Direction {
  const {
    seed,
    label = `random direction ${seed}`,
    ...normalize
  } = checkOptions('randomDirection', { ...NORMALIZE, ...RANDOM }, options);
  const size = weightLayout(model).reduce((sum, slot) => sum + slot.size, 0);
  const raw = { label, values: new Random(seed, 'direction').normals(size) };
  return normalizeDirection(model, raw, normalize);
}

/**
 * A direction scaled against the weights of `model`. The direction itself stays as it is.
 *
 * @throws OptionError, StateMismatchError
 */
export function normalizeDirection(
  model: tf.LayersModel,
  direction: Direction,
  options: NormalizeOptions = {},
): Direction {
  const settings = checkOptions('normalizeDirection', NORMALIZE, options);
  const { normalization, include, weights = flatWeights(model) } = settings;
  const slots = weightLayout(model);
  checkFlatSize(weights, slots);
  checkFlatSize(direction.values, slots);
  const values = new Float32Array(weights.length);
  for (const slot of slots) {
    const isVector = slot.role !== 'kernel' && slot.role !== 'embedding' && slot.shape.length < 2;
    if (isVector && include === 'kernels') continue;
    if (normalization === 'none' || normalization === 'weight') {
      for (let i = slot.offset; i < slot.offset + slot.size; i++) {
        values[i] = direction.values[i] * (normalization === 'weight' ? weights[i] : 1);
      }
    } else {
      scaleUnits(values, direction.values, weights, slot, normalization === 'filter' && !isVector);
    }
  }
  return { label: direction.label, values };
}

/** The direction from one set of weights to another: at a distance of 1 along it stands `to`. */
export function directionBetween(
  from: Float32Array,
  to: Float32Array,
  label = 'from one to the other',
): Direction {
  if (from.length !== to.length)
    throw new OptionError('to', `${to.length} weights`, `as long as from, ${from.length} weights`);
  return { label, values: to.map((value, i) => value - from[i]) };
}

/** A direction from any flat vector, such as an eigenvector of the Hessian. */
export function directionOf(values: ArrayLike<number>, label: string): Direction {
  return { label, values: Float32Array.from(values) };
}

/** The part of `direction` that is at right angles to `to`. */
export function orthogonalDirection(direction: Direction, to: Direction): Direction {
  const [d, along] = [direction, to].map(({ values }) => Float64Array.from(values));
  const share = dot(d, along) / (dot(along, along) || 1);
  addScaled(d, along, -share);
  return directionOf(d, direction.label);
}

/** The direction with its Euclidean length changed to `length`. A zero direction stays zero. */
export function withLength(direction: Direction, length: number): Direction {
  const present = lengthOf(direction);
  return present === 0
    ? direction
    : { ...direction, values: direction.values.map((value) => (value / present) * length) };
}

/** The Euclidean length. */
export function lengthOf({ values }: Direction): number {
  return length(Float64Array.from(values));
}

/** Writes the part of `slot`, scaled to the lengths of w, unit by unit or as a whole. */
function scaleUnits(
  values: Float32Array,
  d: Float32Array,
  w: Float32Array,
  slot: UnitSlot,
  byUnit: boolean,
): void {
  const unitOf = byUnit ? unitIndex(slot) : () => 0;
  const units = byUnit ? slot.unitAxes.reduce((count, axis) => count * slot.shape[axis], 1) : 1;
  const dSquares = new Float64Array(units);
  const wSquares = new Float64Array(units);
  for (let i = 0; i < slot.size; i++) {
    dSquares[unitOf(i)] += d[slot.offset + i] ** 2;
    wSquares[unitOf(i)] += w[slot.offset + i] ** 2;
  }
  for (let i = 0; i < slot.size; i++) {
    const unit = unitOf(i);
    values[slot.offset + i] =
      (d[slot.offset + i] * Math.sqrt(wSquares[unit])) / (Math.sqrt(dSquares[unit]) + NORM_EPSILON);
  }
}

/** The unit that element `i` of a tensor belongs to. */
function unitIndex({ shape, unitAxes }: UnitSlot): (i: number) => number {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  return (i) =>
    unitAxes.reduce((unit, axis) => unit * shape[axis] + (Math.floor(i / strides[axis]) % shape[axis]), 0);
}
