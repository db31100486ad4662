/**
 * Fresh random numbers in every run of a traced function.
 *
 * tf.js draws random numbers in JavaScript, so a trace would freeze them as constants. While a function is traced, the
 * public random ops are replaced by native ones that take a seed, and that seed is an input of the graph. A draw with an
 * explicit seed is the same at each call, so it stays what it is: a constant. Whatever else draws is refused by name.
 */
import { attr, runOp } from '../backend';
import * as tf from '../tf';

/** What the lowered ops need of the trace. */
export interface RandomSource {
  /** Seed for one op: int32 [2]. */
  drawSeed(): tf.Tensor;
  /** Remembers that the function cannot be compiled and why, and returns the error to throw. */
  fail(what: string): Error;
}

type Dtype = 'float32' | 'int32' | 'bool';
type Core = Pick<typeof tf, 'dropout' | 'multinomial' | 'randomNormal' | 'randomUniform' | 'truncatedNormal'>;

/** The module whose exports tf.js, its layers and its users call. (`@tensorflow/tfjs` re-exports it by getters.) */
const core = require(require.resolve('@tensorflow/tfjs-core', { paths: [require.resolve('@tensorflow/tfjs')] })) as Core;

/** Replaces the random ops until the returned function is called. */
export function lowerRandomOps(source: RandomSource): () => void {
  const stock = { ...core };
  const stockRandom = Math.random;
  const lowered = loweredOps(stock, source);
  Object.assign(core, lowered);
  Math.random = () => {
    throw source.fail('it calls Math.random(), whose value would be frozen to that of the first call');
  };
  return () => {
    for (const name of Object.keys(lowered) as (keyof Core)[]) Object.assign(core, { [name]: stock[name] });
    Math.random = stockRandom;
  };
}

function loweredOps(stock: Core, source: RandomSource) {
  const draw = (op: string, shape: number[]) =>
    runOp(
      op,
      [attr.type('dtype', 'float32'), attr.type('T', 'int32'), attr.type('Tseed', 'int32')],
      [tf.tensor1d(shape, 'int32'), source.drawSeed()],
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

  const refuse = (name: string) => () => {
    throw source.fail(`tf.${name} draws in JavaScript, so its numbers would be frozen to those of the first call`);
  };

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
    multinomial: (logits: tf.Tensor1D | tf.Tensor2D | tf.TensorLike, numSamples: number, seed?: number, normalized = false) =>
      seed || normalized
        ? stock.multinomial(logits, numSamples, seed, normalized)
        : tf.tidy(() => {
            const input = tf.cast(logits as tf.Tensor, 'float32');
            const rows = input.rank === 1 ? tf.expandDims(input, 0) : input;
            const samples = runOp(
              'StatelessMultinomial',
              [attr.type('T', 'float32'), attr.type('Tseed', 'int32'), attr.type('output_dtype', 'int32')],
              [rows, tf.scalar(numSamples, 'int32'), source.drawSeed()],
            );
            return input.rank === 1 ? tf.squeeze(samples, [0]) : samples;
          }),
    rand: refuse('rand'),
    randomGamma: refuse('randomGamma'),
    randomNormal: (shape: number[], mean = 0, stdDev = 1, dtype: 'float32' | 'int32' = 'float32', seed?: number) =>
      seed ? stock.randomNormal(shape, mean, stdDev, dtype, seed) : normal('StatelessRandomNormal', shape, mean, stdDev, dtype),
    randomStandardNormal: (shape: number[], dtype: 'float32' | 'int32' = 'float32', seed?: number) =>
      seed ? stock.randomNormal(shape, 0, 1, dtype, seed) : normal('StatelessRandomNormal', shape, 0, 1, dtype),
    randomUniform: (shape: number[], min = 0, max = 1, dtype: Dtype = 'float32', seed?: number | string) =>
      seed != null ? stock.randomUniform(shape, min, max, dtype, seed) : uniform(shape, min, max, dtype),
    randomUniformInt: (shape: number[], min: number, max: number, seed?: number | string) =>
      seed != null ? stock.randomUniform(shape, min, max, 'int32', seed) : uniform(shape, min, max, 'int32'),
    truncatedNormal: (shape: number[], mean = 0, stdDev = 1, dtype: 'float32' | 'int32' = 'float32', seed?: number) =>
      seed
        ? stock.truncatedNormal(shape, mean, stdDev, dtype, seed)
        : normal('StatelessTruncatedNormal', shape, mean, stdDev, dtype),
  };
}
