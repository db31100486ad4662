/**
 * What the steps of a training meet, looked at from the side: the training goes on as if nothing had been
 * measured.
 */
import { compile } from '../compile/compile';
import { checkOptions, type OptionsOf, whole } from '../core/options';
import * as tf from '../core/tf';
import { globalDistance, globalNorm } from '../optimizers/ascent';
import { placesOf, type Step } from '../optimizers/passes';
import { lossFor } from './defaultLoss';
import { trainingForward } from './forward';
import { withLayerLosses } from './layerLosses';
import { LOSS } from './losses';
import type { Trainer } from './trainer';
import { trainableVariables } from './weights';

const OPTIONS = {
  /** Batches to measure on. A whole number, at least 1; no more than there are are taken. Default 5. */
  batches: whole({ min: 1 }, 5),
  /** Samples per batch. A whole number, at least 1. Default 128. */
  batchSize: whole({ min: 1 }, 128),
  /** Seed of the choice of batches. A whole number. Default 0. */
  seed: whole({}, 0),
  /** The loss of a batch, by name or as a function. Default: the trainer's. */
  loss: LOSS,
};

/** Options of `measureSteps`. */
export type MeasureStepsOptions = OptionsOf<typeof OPTIONS>;

/** What a step met; of several steps, the means. */
interface Measures<V> {
  /** Loss at the weights, and at each perturbed point. */
  losses: V;
  /** Norm of the gradient at each of these points. */
  gradientNorms: V;
  /** Distance of each perturbed point from the weights. Empty for algorithms without an ascent. */
  distances: V;
  /** Interpolation factor of each variable. Empty for algorithms without. */
  alphas: V;
}

/** Means over the batches. */
export type MeasuredSteps = Measures<number[]>;

const FIELDS = ['losses', 'gradientNorms', 'distances', 'alphas'] as const;

/**
 * Takes one step of the trainer's optimizer on each of some training batches, always from the weights of the
 * moment and at the learning rate of the last step, and says what it met. Weights, moving statistics and the
 * optimizer's state are put back. Full batches only, where there is one.
 *
 * @throws OptionError
 */
export function measureSteps(trainer: Trainer, options: MeasureStepsOptions = {}): MeasuredSteps {
  const settings = checkOptions('measureSteps', OPTIONS, options);
  const { batches: count, batchSize, seed } = settings;
  const { model, optimizer, trainingSet } = trainer;
  const loss = settings.loss === undefined ? trainer.loss : lossFor(model, settings.loss, trainingSet);
  const variables = trainableVariables(model);
  const size = Math.min(batchSize, trainingSet.size);
  const batches = trainingSet.batches({ batchSize: size, seed, dropLast: true }).slice(0, count);
  const step = compile(
    (xs: tf.Tensor, ys: tf.Tensor) =>
      measuresOf(
        optimizer.step(() => withLayerLosses(model, loss(ys, trainingForward(model, xs))), variables),
      ),
    { name: 'measureSteps', makesNoVariables: true },
  );
  const sums: MeasuredSteps = { losses: [], gradientNorms: [], distances: [], alphas: [] };
  const state = trainer.save();
  optimizer.learningRate = trainer.lastLearningRate;
  optimizer.prepare(variables);
  const prepared = trainer.save();
  try {
    for (const indices of batches) {
      const { xs, ys } = trainingSet.tensors(indices);
      const measured = step(xs, ys);
      for (const field of FIELDS) {
        const values = Array.from(measured[field].dataSync());
        sums[field] = values.map((value, i) => (sums[field][i] ?? 0) + value / batches.length);
      }
      tf.dispose([xs, ys, Object.values(measured)]);
      trainer.restore(prepared);
    }
    return sums;
  } finally {
    trainer.restore(state);
    step.dispose();
  }
}

function measuresOf({ visits, alphas = [] }: Step): Measures<tf.Tensor> {
  const vector = (scalars: tf.Scalar[]): tf.Tensor =>
    scalars.length === 0 ? tf.zeros([0]) : tf.stack(scalars);
  const places = placesOf(visits);
  return {
    losses: vector(places.map(({ loss }) => loss)),
    gradientNorms: vector(places.map(({ gradients }) => globalNorm(gradients))),
    distances: vector(places.slice(1).map(({ weights }) => globalDistance(weights, places[0].weights))),
    alphas: vector(alphas),
  };
}
