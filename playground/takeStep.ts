/** One step of an optimizer of the library in the plane, as numbers. */
import * as tf from '@tensorflow/tfjs';
import { lossAt, type PlaneLoss, type Point } from './losses';
import { type MethodSettings, optimizerOf } from './methods';
import { onCpu } from './onCpu';

/** What one step of Lookbehind did. */
export interface PlaneStep {
  /** Weights before the step, and after each step back. */
  places: Point[];
  /** Loss at each of them. */
  losses: number[];
  /** Gradients at the places after each step back. */
  gradients: Point[];
  /** Fast weights after each of the k descents. */
  fast: Point[];
  alpha: number;
  /** Weights after the step. */
  end: Point;
  /** Gradients that it took. */
  gradientEvaluations: number;
}

/** The step of Lookbehind-SAM from `start`, read off what the library reports of it. */
export function takeStep(loss: PlaneLoss, start: Point, settings: MethodSettings): PlaneStep {
  return onCpu(() => stepOf(loss, start, settings));
}

function stepOf(loss: PlaneLoss, start: Point, settings: MethodSettings): PlaneStep {
  const optimizer = optimizerOf('lookbehindSAM', settings);
  const variable = tf.variable(tf.tensor1d([...start]));
  const point = ([tensor]: tf.Tensor[]): Point => {
    const [x, y] = tensor!.dataSync();
    return [x!, y!];
  };
  let result: PlaneStep;
  tf.tidy(() => {
    const step = optimizer.step(lossAt(loss, variable), [variable]);
    result = {
      places: step.visits.map(({ weights }) => point(weights)),
      losses: step.visits.map((visit) => visit.loss.dataSync()[0]!),
      gradients: step.visits.slice(1).map(({ gradients }) => point(gradients)),
      fast: step.fast!.map(point),
      alpha: step.alphas![0]!.dataSync()[0]!,
      end: point(step.weights),
      gradientEvaluations: step.gradientEvaluations,
    };
  });
  variable.dispose();
  optimizer.dispose();
  return result!;
}
