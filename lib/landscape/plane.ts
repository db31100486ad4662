/**
 * Planes (and lines) through weight space:   w(a, b) = origin + a * x + b * y
 */
import { disposing } from '../core/disposing';
import { DataError, LookbehindError, OptionError } from '../core/errors';
import * as tf from '../core/tf';
import { addScaled, dot, length } from '../sharpness/vectors';
import type { AtManyOptions, ManyEvaluations, ModelLoss } from '../training/modelLoss';
import type { WeightSets } from '../training/weightSets';
import type { WeightSlot } from '../training/weights';
import { type Direction, directionBetween, lengthOf, orthogonalDirection, withLength } from './directions';
import { checkFlatSize } from './layout';

/** Where a point of weight space lies, seen from a plane. */
export interface Projection {
  /** Coordinate along x of the nearest point of the plane. */
  a: number;
  /** Coordinate along y of that point; 0 for a line. */
  b: number;
  /** Distance from the plane's origin. */
  distance: number;
  /**
   * Share of that distance that lies outside of the plane, in [0, 1]: 0 is in the plane. 0 at the origin
   * itself.
   */
  outside: number;
}

/** A plane, or a line where there is no `y`. */
export class Plane {
  /** The weights at (0, 0), flat. */
  readonly origin: Float32Array;
  /** The first direction. */
  readonly x: Direction;
  /** The second direction; undefined for a line. */
  readonly y: Direction | undefined;
  /** The directions in float64; zero for the second one of a line. */
  readonly #vectors: readonly Float64Array[];
  /** Their scalar products. */
  readonly #gram: { xx: number; xy: number; yy: number; determinant: number };

  /** @throws OptionError where the directions do not fit the origin or do not span a plane. */
  constructor(origin: Float32Array, x: Direction, y?: Direction) {
    for (const [name, direction] of Object.entries({ x, y })) {
      if (direction !== undefined && direction.values.length !== origin.length) {
        throw new OptionError(
          name,
          `${direction.values.length} numbers`,
          `a direction of ${origin.length} numbers`,
        );
      }
    }
    this.origin = origin;
    this.x = x;
    this.y = y;
    const vectors = [x.values, y?.values ?? new Float32Array(origin.length)].map((values) =>
      Float64Array.from(values),
    );
    this.#vectors = vectors;
    const [xx, xy] = vectors.map((vector) => dot(vectors[0], vector));
    // A line counts as a plane with a unit second direction at right angles.
    const yy = y === undefined ? 1 : dot(vectors[1], vectors[1]);
    const determinant = xx * yy - xy * xy;
    this.#gram = { xx, xy, yy, determinant };
    // Nearly parallel directions leave only rounding.
    if (determinant > 1e-12 * xx * yy) return;
    const name = y === undefined ? 'x' : 'y';
    throw new OptionError(name, 'a vector without a direction of its own', 'a direction beside the other');
  }

  /** The weights at the point (a, b), flat. */
  at(a: number, b = 0): Float32Array {
    const [x, y] = this.#vectors;
    return this.origin.map((w, i) => w + a * x[i] + b * y[i]);
  }

  /**
   * The nearest point of the plane to `weights`, by least squares: also right where the directions are not at
   * right angles.
   */
  project(weights: Float32Array): Projection {
    if (weights.length !== this.origin.length) {
      throw new OptionError('weights', `${weights.length} numbers`, `${this.origin.length} numbers`);
    }
    const [x, y] = this.#vectors;
    const { xx, xy, yy, determinant } = this.#gram;
    const rest = Float64Array.from(weights, (w, i) => w - this.origin[i]);
    const distance = length(rest);
    const [alongX, alongY] = [dot(rest, x), dot(rest, y)];
    const a = (alongX * yy - alongY * xy) / determinant;
    const b = (alongY * xx - alongX * xy) / determinant;
    addScaled(rest, x, -a);
    addScaled(rest, y, -b);
    return { a, b, distance, outside: distance === 0 ? 0 : Math.min(1, length(rest) / distance) };
  }
}

/**
 * The plane through three sets of weights: `first` at (0, 0), `second` at (1, 0); the y axis is at right
 * angles to the x axis and as long, and `third` lies somewhere on the positive side. Read the coordinates off
 * with `plane.project`.
 *
 * Garipov et al., "Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs", NeurIPS 2018,
 * arXiv:1802.10026.
 *
 * @throws OptionError where the three lie on a line.
 */
export function planeThrough(first: Float32Array, second: Float32Array, third: Float32Array): Plane {
  const x = directionBetween(first, second, 'from the first to the second');
  const towardsThird = directionBetween(first, third, 'at right angles, towards the third');
  const y = orthogonalDirection(towardsThird, x);
  // On a line, only rounding is left of the right angle.
  if (!(lengthOf(y) > 1e-5 * lengthOf(towardsThird))) {
    throw new OptionError('third', 'weights on the line of the other two', 'weights beside that line');
  }
  return new Plane(first, x, withLength(y, lengthOf(x)));
}

/** Loss and accuracy at points of a plane. */
export async function atPoints(
  loss: ModelLoss,
  plane: Plane,
  slots: readonly WeightSlot[],
  points: ArrayLike<readonly [number, number]>,
  options?: AtManyOptions,
): Promise<ManyEvaluations> {
  return disposing(new PlaneSets(plane, slots, points), (sets) => loss.atMany(sets, options));
}

/** The weights at points of a plane, made on the device chunk by chunk. Dispose it after use. */
export class PlaneSets implements WeightSets {
  readonly #points: ArrayLike<readonly [number, number]>;
  readonly #slots: readonly WeightSlot[];
  readonly #origins: tf.Tensor1D[];
  readonly #directions: tf.Tensor2D[];
  #disposed = false;

  constructor(plane: Plane, slots: readonly WeightSlot[], points: ArrayLike<readonly [number, number]>) {
    checkFlatSize(plane.origin, slots);
    this.#points = points;
    this.#slots = slots;
    const zero = new Float32Array(plane.origin.length);
    const part = (flat: Float32Array, { offset, size }: WeightSlot): Float32Array =>
      flat.slice(offset, offset + size);
    this.#origins = slots.map((slot) => tf.tensor1d(part(plane.origin, slot)));
    this.#directions = slots.map((slot) =>
      tf.tidy(
        () =>
          tf.stack(
            [plane.x.values, plane.y?.values ?? zero].map((d) => tf.tensor1d(part(d, slot))),
          ) as tf.Tensor2D,
      ),
    );
  }

  get count(): number {
    return this.#points.length;
  }

  chunk(from: number, to: number): tf.Tensor[] {
    if (this.#disposed) throw new LookbehindError('These weight sets were disposed.');
    const coordinates: number[] = [];
    for (let i = from; i < to; i++) {
      const [a, b] = this.#points[i];
      if (!Number.isFinite(a) || !Number.isFinite(b))
        throw new DataError(`Point ${i} of the plane is (${a}, ${b}).`);
      coordinates.push(a, b);
    }
    const count = to - from;
    return tf.tidy(() => {
      const matrix = tf.tensor2d(coordinates, [count, 2]);
      return this.#slots.map(({ shape }, i) => {
        const shifts = tf.matMul(matrix, this.#directions[i]);
        return tf.reshape(tf.add(shifts, this.#origins[i]), [count, ...shape]);
      });
    });
  }

  dispose(): void {
    this.#disposed = true;
    tf.dispose([this.#origins, this.#directions]);
  }
}
