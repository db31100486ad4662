/**
 * Fresh random numbers in every run of a compiled function.
 *
 * tf.js draws random numbers in JavaScript, so a trace would freeze them as constants. While a function is
 * traced, the public random ops are replaced by native ones that take a seed, and that seed is an input of
 * the graph. A draw with an explicit seed is the same at each call, so it stays what it is: a constant.
 * (tf.multinomial draws natively, from a state that all its calls share; with a seed it becomes a draw that
 * depends on the seed alone.) Whatever else draws is refused by name.
 */

import * as tf from '../../core/tf';
import { attr, runOp } from '../backend';
import { guardRandom } from './seeds';
import { stackOf } from './stack';

type Dtype = 'float32' | 'int32' | 'bool';
type Core = Pick<
  typeof tf,
  'dropout' | 'multinomial' | 'rand' | 'randomGamma' | 'randomNormal' | 'randomUniform' | 'truncatedNormal'
>;

/**
 * The module whose exports tf.js, its layers and its users call. (`@tensorflow/tfjs` re-exports it by
 * getters.)
 */
const core = require(
  require.resolve('@tensorflow/tfjs-core', { paths: [require.resolve('@tensorflow/tfjs')] }),
) as Core;

/**
 * Until the returned function is called, the random ops draw natively, each from the seed that `drawSeed`
 * returns (int32 [2]).
 */
export function lowerRandomOps(drawSeed: () => tf.Tensor): () => void {
  return replaceExports(loweredOps({ ...core }, drawSeed));
}

/**
 * Until the returned function is called, what else draws random numbers calls `refuse(reason)` first, which
 * may throw.
 */
export function refuseOtherDraws(refuse: (reason: string) => void): () => void {
  const refused = (name: 'rand' | 'randomGamma') => {
    const draw = core[name] as (...args: unknown[]) => tf.Tensor;
    return (...args: unknown[]) => {
      refuse(`tf.${name} draws in JavaScript, so its numbers would be frozen to those of the first call`);
      return draw(...args);
    };
  };
  const restore = replaceExports({ rand: refused('rand'), randomGamma: refused('randomGamma') });
  const unguard = guardRandom(() => {
    const op = randomOpOf(stackOf(30));
    refuse(
      op === undefined
        ? 'it calls Math.random(), whose value would be frozen to that of the first call'
        : `it calls a copy of tf.${op}, as "import * as tf" makes one in an ES module, and that draws in ` +
            `JavaScript. Write "import tf from '@tensorflow/tfjs'" there, and each run draws afresh`,
    );
  });
  return () => {
    unguard();
    restore();
  };
}

/** A frame of one of tf.js's random ops; those replaced here are not called while a function is traced. */
const RANDOM_OP = /\bat (?:\w+\.)*(random\w+|truncatedNormal|dropout)_(?:_op)? \(.*tfjs-core/;

/** The random op of tf.js that was called, the outermost where one calls another. */
function randomOpOf(stack: string): string | undefined {
  const ops = stack.split('\n').flatMap((frame) => RANDOM_OP.exec(frame)?.[1] ?? []);
  return ops.at(-1);
}

function replaceExports(replacements: object): () => void {
  const stock = Object.fromEntries(Object.keys(replacements).map((name) => [name, core[name as keyof Core]]));
  Object.assign(core, replacements);
  return () => Object.assign(core, stock);
}

function loweredOps(stock: Core, drawSeed: () => tf.Tensor) {
  const draw = (op: string, shape: number[]) =>
    runOp(
      op,
      [attr.type('dtype', 'float32'), attr.type('T', 'int32'), attr.type('Tseed', 'int32')],
      [tf.tensor1d(shape, 'int32'), drawSeed()],
    );

  const normal = (op: string, shape: number[], mean: number, stdDev: number, dtype: Dtype) =>
    tf.tidy(() => {
      const x = tf.add(tf.mul(draw(op, shape), stdDev), mean);
      // As tf.js: Math.round, halves up.
      return dtype === 'float32' ? x : tf.cast(tf.floor(tf.add(x, 0.5)), dtype);
    });

  const uniform = (shape: number[], min: number, max: number, dtype: Dtype) =>
    tf.tidy(() => {
      const x = tf.add(tf.mul(draw('StatelessRandomUniform', shape), max - min), min);
      // As tf.js: fractions are cut off where the numbers are stored.
      return dtype === 'float32' ? x : tf.cast(tf.cast(x, 'int32'), dtype);
    });

  // Each takes a seed of 0 as tf.js does: as no seed, except in randomUniform.
  return {
    dropout: (x: tf.Tensor | tf.TensorLike, rate: number, noiseShape?: number[], seed?: number | string) =>
      seed != null || !(rate > 0 && rate < 1)
        ? stock.dropout(x, rate, noiseShape, seed)
        : tf.tidy(() => {
            const input = tf.cast(x, 'float32');
            const shape = input.shape.map((size, i) => noiseShape?.[i] ?? size);
            const kept = tf.floor(tf.add(uniform(shape, 0, 1, 'float32'), 1 - rate));
            return tf.mul(input, tf.div(kept, 1 - rate));
          }),
    multinomial: (
      logits: tf.Tensor1D | tf.Tensor2D | tf.TensorLike,
      numSamples: number,
      seed?: number,
      normalized = false,
    ) =>
      normalized
        ? stock.multinomial(logits, numSamples, seed, normalized)
        : tf.tidy(() => {
            const input = tf.cast(logits as tf.Tensor, 'float32');
            const rows = input.rank === 1 ? tf.expandDims(input, 0) : input;
            const samples = runOp(
              'StatelessMultinomial',
              [attr.type('T', 'float32'), attr.type('Tseed', 'int32'), attr.type('output_dtype', 'int32')],
              [rows, tf.scalar(numSamples, 'int32'), seed ? tf.tensor1d([seed, 0], 'int32') : drawSeed()],
            );
            return input.rank === 1 ? tf.squeeze(samples, [0]) : samples;
          }),
    randomNormal: (
      shape: number[],
      mean = 0,
      stdDev = 1,
      dtype: 'float32' | 'int32' = 'float32',
      seed?: number,
    ) =>
      seed
        ? stock.randomNormal(shape, mean, stdDev, dtype, seed)
        : normal('StatelessRandomNormal', shape, mean, stdDev, dtype),
    randomStandardNormal: (shape: number[], dtype: 'float32' | 'int32' = 'float32', seed?: number) =>
      seed
        ? stock.randomNormal(shape, 0, 1, dtype, seed)
        : normal('StatelessRandomNormal', shape, 0, 1, dtype),
    randomUniform: (shape: number[], min = 0, max = 1, dtype: Dtype = 'float32', seed?: number | string) =>
      seed != null ? stock.randomUniform(shape, min, max, dtype, seed) : uniform(shape, min, max, dtype),
    randomUniformInt: (shape: number[], min: number, max: number, seed?: number | string) =>
      seed != null ? stock.randomUniform(shape, min, max, 'int32', seed) : uniform(shape, min, max, 'int32'),
    truncatedNormal: (
      shape: number[],
      mean = 0,
      stdDev = 1,
      dtype: 'float32' | 'int32' = 'float32',
      seed?: number,
    ) =>
      seed
        ? stock.truncatedNormal(shape, mean, stdDev, dtype, seed)
        : normal('StatelessTruncatedNormal', shape, mean, stdDev, dtype),
  };
}
