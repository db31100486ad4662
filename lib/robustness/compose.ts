/**
 * Noises one after the other, and noises on some tensors only.
 */
import { OptionError } from '../core/errors';
import type * as tf from '../core/tf';
import {
  type DifferentiableNoise,
  isDifferentiable,
  type TensorSelector,
  type WeightNoise,
  type WeightTensor,
} from './noise';

/**
 * Noises one after the other: each works on the weights that the one before left.
 * `composeNoise(quantization({ bits: 8 }), gaussianNoise({ sigma: 0.1 }))` adds Gaussian noise to quantized
 * weights.
 *
 * The first noise of a kind gets the random numbers that it would get alone, the second of that kind others,
 * also where one of them is inside a composed noise.
 */
export function composeNoise(...stages: DifferentiableNoise[]): DifferentiableNoise;
export function composeNoise(...stages: WeightNoise[]): WeightNoise;
export function composeNoise(...stages: WeightNoise[]): WeightNoise {
  if (stages.length === 0) throw new OptionError('stages', stages, 'at least one noise');
  const prefixes = stages.map(({ kind }, i) => {
    const before = stages.slice(0, i).flatMap(kindsOf);
    const earlier = Math.max(
      ...kindsOf({ kind }).map((one) => before.filter((other) => other === one).length),
    );
    return earlier === 0 ? '' : `${earlier + 1}/`;
  });
  const composed: WeightNoise = {
    name: stages.map(({ name }) => name).join(' + '),
    kind: stages.map(({ kind }) => kind).join(JOINT),
    changesNothing: stages.every(({ changesNothing }) => changesNothing),
    apply(weights, site) {
      let values: Float32Array = weights.slice();
      let flipped = 0;
      let stored = 0;
      stages.forEach((stage, i) => {
        const noisy = stage.apply(values, prefixed(site, prefixes[i]));
        values = noisy.values;
        flipped += noisy.bits?.flipped ?? 0;
        stored += noisy.bits?.stored ?? 0;
      });
      return stored > 0 ? { values, bits: { flipped, stored } } : { values };
    },
  };
  if (!stages.every(isDifferentiable)) return composed;
  const perturb: DifferentiableNoise['perturb'] = (weights, site) =>
    stages.reduce((noisy: tf.Tensor, stage, i) => stage.perturb(noisy, prefixed(site, prefixes[i])), weights);
  return { ...composed, perturb } as DifferentiableNoise;
}

/** A site, whose random numbers are arrays or tensors. */
type Streams<T> = WeightTensor & { normals(stream: string): T; uniforms(stream: string): T };

/** Stands between the kinds of a composed noise. */
const JOINT = '+';

/** The kinds of all that a noise is composed of. */
function kindsOf({ kind }: Pick<WeightNoise, 'kind'>): string[] {
  return kind.split(JOINT);
}

/** The same noise on the tensors that `select` chooses; the others stay as they are. */
export function onlyOn(select: TensorSelector, noise: DifferentiableNoise): DifferentiableNoise;
export function onlyOn(select: TensorSelector, noise: WeightNoise): WeightNoise;
export function onlyOn(select: TensorSelector, noise: WeightNoise): WeightNoise {
  const restricted: WeightNoise = {
    ...noise,
    apply: (weights, site) => (select(site) ? noise.apply(weights, site) : { values: weights.slice() }),
  };
  if (!isDifferentiable(noise)) return restricted;
  const perturb: DifferentiableNoise['perturb'] = (weights, site) =>
    select(site) ? noise.perturb(weights, site) : weights;
  return { ...restricted, perturb } as DifferentiableNoise;
}

/** The site with streams of random numbers of their own. */
function prefixed<T>(site: Streams<T>, prefix: string): Streams<T> {
  return {
    ...site,
    normals: (stream) => site.normals(prefix + stream),
    uniforms: (stream) => site.uniforms(prefix + stream),
  };
}
