/**
 * Sharpness as a curve over the radius: no single radius tells how sharp a minimum is.
 */
import { OptionError, throwIfAborted } from '../core/errors';
import { takeNumbers } from '../core/numbers';
import { listOf, number, option } from '../core/options';
import { deviation } from '../core/spread';
import * as tf from '../core/tf';
import { nextTurn } from '../core/turn';
import type { FlatLoss } from '../training/flatLoss';

/** S(rho) = loss within rho of the weights - loss at the weights, with its spread. */
export interface SharpnessCurve {
  /**
   * What is taken within the ball: the loss after one ascent step, the largest found, or the mean over random
   * directions.
   */
  kind: 'one-step' | 'worst-case' | 'average';
  /** The norm of the ball. */
  norm: 'l2' | 'linf';
  /** Whether distances are relative to |w| + eta. */
  adaptive: boolean;
  /** Radii, as they were given. */
  radii: readonly number[];
  /** S at each radius: the mean over batches, weighted by their sizes, and over draws. */
  values: number[];
  /** Standard deviation of S over batches and draws, at each radius; 0 where there is one only. */
  deviations: number[];
  /** The mean loss at the perturbed weights, at each radius: `baseLoss + values[i]`. */
  perturbedLosses: number[];
  /** The mean loss at the weights themselves. */
  baseLoss: number;
  /** S of each batch (and draw), at each radius. */
  samples: number[][];
}

/** What a curve is of. */
export type CurveHeader = Pick<SharpnessCurve, 'kind' | 'norm' | 'adaptive' | 'radii'>;

/** How a curve is measured. */
interface CurveOptions {
  /** Measurements of each batch. Default 1. */
  draws?: number;
  /** What is stopped, for the error. */
  what: string;
  signal?: AbortSignal;
}

/**
 * The curve from the losses of each batch and draw: at the weights themselves, and at the perturbed ones for
 * each radius.
 */
export async function measureCurve(
  header: CurveHeader,
  batchSizes: readonly number[],
  { draws = 1, what, signal }: CurveOptions,
  lossesOf: (batch: number) => tf.Tensor | Promise<ArrayLike<number>>,
): Promise<SharpnessCurve> {
  const measured: { size: number; losses: number[] }[] = [];
  for (const [batch, size] of batchSizes.entries()) {
    for (let draw = 0; draw < draws; draw++) {
      throwIfAborted(signal, what);
      const losses = lossesOf(batch);
      measured.push({
        size,
        losses: Array.from(await (losses instanceof tf.Tensor ? takeNumbers(losses) : losses)),
      });
      await nextTurn();
    }
  }
  const total = measured.reduce((sum, { size }) => sum + size, 0);
  const mean = (of: (losses: number[]) => number): number =>
    measured.reduce((sum, { losses, size }) => sum + of(losses) * size, 0) / total;
  const rise = (i: number) => (losses: number[]) => losses[i + 1] - losses[0];
  const samples = header.radii.map((_, i) => measured.map(({ losses }) => rise(i)(losses)));
  return {
    ...header,
    values: header.radii.map((_, i) => mean(rise(i))),
    deviations: samples.map(deviation),
    perturbedLosses: header.radii.map((_, i) => mean((losses) => losses[i + 1])),
    baseLoss: mean(([loss]) => loss),
    samples,
  };
}

/**
 * The losses of a batch at `w`, where it is `here`, and at the radii along a direction. The caller owns
 * them.
 */
export function lossesAlong(
  loss: FlatLoss,
  batch: number,
  { w, here, direction }: { w: tf.Tensor1D; here: tf.Scalar; direction: tf.Tensor },
  radii: readonly number[],
): tf.Tensor {
  return tf.tidy(() => {
    const losses = radii.map((radius) => loss.loss(tf.add(w, tf.mul(direction, radius)), batch));
    return tf.stack([here, ...losses]);
  });
}

const AT_LEAST_ONE = 'a list of at least one radius >= 0';

/** Describes the radii of a curve. */
export const RADII = option<readonly number[]>('numbers', AT_LEAST_ONE, (path, value, form) => {
  const radii = listOf(number({ min: 0 })).check(path, value, form);
  if (radii.length === 0) throw new OptionError(path, value, AT_LEAST_ONE);
  return radii;
});
