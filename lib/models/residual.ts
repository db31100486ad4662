/** What residual networks for images share: their stages, and what comes after them. */
import * as tf from '../core/tf';
import { type Initializer, initialize } from './initialize';
import { dense, type Symbolic } from './layers';

/** Where a block is in its network. */
export interface BlockPlace {
  /** Stage, from 0: the images are halved with each. */
  stage: number;
  /** Block of the stage, from 0. */
  block: number;
  /** 2 in the first block of all stages but the first. */
  stride: 1 | 2;
}

/** Puts one block after the other: `counts[s]` of them in stage s. */
export function inStages(
  x: Symbolic,
  counts: readonly number[],
  next: (x: Symbolic, place: BlockPlace) => Symbolic,
): Symbolic {
  let last = x;
  counts.forEach((count, stage) => {
    for (let block = 0; block < count; block++) {
      last = next(last, { stage, block, stride: stage > 0 && block === 0 ? 2 : 1 });
    }
  });
  return last;
}

/**
 * The model that gives logits from the mean of `x` over the image, with its initial weights. `head` names the
 * dense layer.
 */
export function classifier(
  input: tf.SymbolicTensor,
  x: Symbolic,
  {
    name,
    head,
    classes,
    initializer,
    seed,
  }: { name: string; head: string; classes: number; initializer: Initializer; seed: number },
): tf.LayersModel {
  const mean = tf.layers.globalAveragePooling2d({ name: `${name}/mean` }).apply(x) as Symbolic;
  const model = tf.model({ inputs: input, outputs: dense(mean, classes, `${name}/${head}`), name });
  initialize(model, initializer, seed);
  return model;
}
