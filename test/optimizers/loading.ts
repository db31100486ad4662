/**
 * Optimizers of all kinds in small models, saved and gone on with: in one process, or in another one that
 * runs this file.
 */
import 'lookbehind/compile';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { adamw, lookahead, lookbehindSAM, type OptimizerState, sgd } from 'lookbehind';
import type { FamilyOptimizer } from 'lookbehind/extend';
import { FAMILY } from './support';

/** Every optimizer that remembers something. */
export const MAKERS: Record<string, () => FamilyOptimizer> = {
  ...Object.fromEntries(
    Object.entries(FAMILY).map(([name, make]) => [name, () => make({ learningRate: 0.02, momentum: 0.9 })]),
  ),
  adamw: () => adamw({ learningRate: 0.02 }),
  'sgd with dampening': () => sgd({ learningRate: 0.02, momentum: 0.9, dampening: 0.3 }),
  'lookbehindSAM over adamw': () => lookbehindSAM({ base: adamw({ learningRate: 0.02 }), k: 3 }),
  'lookahead(lookahead(adamw))': () =>
    lookahead(lookahead(adamw({ learningRate: 0.02 }), { k: 3 }), { k: 2, alpha: 0.7 }),
};

/** Two layers of equal shapes, so that only their order tells them apart. */
export function build(): tf.Sequential {
  const layer = (seed: number) =>
    tf.layers.dense({
      units: 2,
      inputShape: [2],
      activation: 'tanh',
      kernelInitializer: tf.initializers.glorotNormal({ seed }),
    });
  return tf.sequential({ layers: [layer(1), layer(2)] });
}

/** Trains for `epochs` steps of one batch; the weights after them. */
export async function fit(model: tf.LayersModel, epochs: number): Promise<number[]> {
  const xs = tf.tensor2d([1, 2, 3, -1, 0.5, 1], [3, 2]);
  const ys = tf.tensor2d([1, 0, 0, 0.5, 0.2, -0.4], [3, 2]);
  await model.fit(xs, ys, { epochs, batchSize: 3, shuffle: false, verbose: 0 });
  tf.dispose([xs, ys]);
  return model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));
}

/** Makes a model anew with `optimizer` restored from `state`. */
export function withState(
  make: () => FamilyOptimizer,
  weights: tf.Tensor[],
  state: OptimizerState,
): tf.LayersModel {
  const model = build();
  model.setWeights(weights);
  const optimizer = make();
  model.compile({ optimizer, loss: 'meanSquaredError' });
  optimizer.restoreState(
    state,
    model.trainableWeights.map((weight) => weight.read() as tf.Variable),
  );
  return model;
}

/** In a process of its own: goes on with what the folder given holds, and prints the weights of each. */
async function goOn(folder: string): Promise<void> {
  const results: Record<string, number[][]> = {};
  // Not the order in which they were made: names of variables differ.
  for (const [i, [name, make]] of [...Object.entries(MAKERS).entries()].reverse()) {
    const loaded = await tf.loadLayersModel(`file://${join(folder, `${i}`, 'model.json')}`);
    const { manifest, data } = JSON.parse(readFileSync(join(folder, `${i}.json`), 'utf8'));
    const restored = withState(make, loaded.getWeights(), { manifest, data: Uint8Array.from(data) });
    results[name] = [await fit(loaded, 3), await fit(restored, 3)];
  }
  console.log(`results ${JSON.stringify(results)}`);
}

if (process.env.LOADING_FOLDER !== undefined) void goOn(process.env.LOADING_FOLDER);
