/** Replays a golden trajectory with the library's own optimizers and compares every recorded number. */
import {
  asam,
  type FamilyOptimizer,
  type InnerStep,
  lookahead,
  lookbehindASAM,
  lookbehindSAM,
  multistepASAM,
  multistepSAM,
  type StepProbe,
  sam,
  sgd,
  tf,
} from 'lookbehind';
import { Deviations, type GoldenInner, type GoldenTrajectory, type Values } from './golden';
import { buildModel, type ReplayModel } from './model';

export interface ReplayOptions {
  /** Takes k + 1 gradients in place of the official 2k where one batch serves all inner steps. Default false. */
  reuseGradients?: boolean;
}

/** Replays `golden` and returns the deviations. Leaks no tensor. */
export function replayTrajectory(golden: GoldenTrajectory, { reuseGradients = false }: ReplayOptions = {}): Deviations {
  const deviations = new Deviations();
  const model = buildModel(golden);
  const optimizer = optimizerOf(golden, model, reuseGradients);
  const { steps, batches, parameters, settings } = golden;
  const names = parameters.map(({ name }) => name);
  const read = (tensor: tf.Tensor): Float32Array => tensor.dataSync() as Float32Array;
  const compareValues = (kind: string, tensors: tf.Tensor[], expected: Values): void => {
    for (const [name, values] of Object.entries(expected)) deviations.compare(kind, read(tensors[names.indexOf(name)]), values);
  };
  const compareBuffers = (expected: Values | undefined): void => {
    if (expected === undefined) return;
    golden.buffers.forEach(({ name }, i) => {
      deviations.compare('buffers', read(model.buffers[i]), expected[name]);
    });
  };
  const compareInner = (step: InnerStep, expected: GoldenInner, last: boolean): void => {
    deviations.compare('losses', read(step.loss), expected.loss);
    deviations.compare('gradNorms', normOf(step.gradients), expected.gradNorm);
    if (expected.scaledGradNorm !== undefined) deviations.compare('gradNorms', read(step.scaledNorm!), expected.scaledGradNorm);
    if (expected.perturbed !== undefined) compareValues('weights', step.perturbed!, expected.perturbed);
    if (expected.lossPerturbed !== undefined) deviations.compare('losses', read(step.lossPerturbed!), expected.lossPerturbed);
    if (expected.descentGradNorm !== undefined)
      deviations.compare('gradNorms', normOf(step.descentGradients!), expected.descentGradNorm);
    if (expected.fast !== undefined) compareValues('weights', step.fast!, expected.fast);
    // With reused gradients the statistics already hold the next ascent's pass between two inner steps.
    if (!reuseGradients || last) compareBuffers(expected.buffers);
  };

  const isLookahead = settings.algorithm.startsWith('lookahead');
  const callsPerStep = isLookahead ? settings.k : 1;
  steps.forEach((expected, outer) => {
    for (let call = 0; call < callsPerStep; call++) {
      const first = outer === 0 && call === 0;
      const probe: StepProbe = {
        inner(step) {
          const inner = isLookahead ? call : step.inner;
          if (first && step.inner === 0) {
            const { ascentGradient, descentGradient } = golden.firstGradients;
            if (ascentGradient !== undefined) compareValues('gradients', step.gradients, ascentGradient);
            if (descentGradient !== undefined && step.descentGradients !== undefined) {
              compareValues('gradients', step.descentGradients, descentGradient);
            }
          }
          compareInner(step, expected.inner[inner], inner === expected.inner.length - 1);
        },
        descent({ loss, gradients }) {
          deviations.compare('losses', read(loss), expected.lossPerturbed!);
          deviations.compare('gradNorms', normOf(gradients), expected.descentGradNorm!);
          if (first && golden.firstGradients.descentGradient)
            compareValues('gradients', gradients, golden.firstGradients.descentGradient);
        },
        alphas(alphas) {
          for (const [name, alpha] of Object.entries(expected.alpha ?? {})) {
            deviations.compare('alpha', read(alphas[names.indexOf(name)]), alpha);
          }
        },
      };
      const batchOf = (inner: number): number[] | undefined => batches?.[outer][isLookahead ? call : inner];
      const evaluations = tf.tidy(
        () => optimizer.step(({ inner }) => model.loss(batchOf(inner)), model.variables, { probe }).gradientEvaluations,
      );
      optimizer.finishStep(evaluations);
    }
    compareValues('weights', model.variables, expected.slow);
    compareBuffers(expected.buffers);
  });

  compareFinal(golden, optimizer, model, deviations);
  optimizer.dispose();
  model.dispose();
  return deviations;
}

function compareFinal(
  { final, parameters }: GoldenTrajectory,
  optimizer: FamilyOptimizer,
  model: ReplayModel,
  deviations: Deviations,
): void {
  const slots = optimizer.family().flatMap((one) => one.slots.list());
  for (const [name, values] of Object.entries(final.momentum ?? {})) {
    const { name: variableName } = model.variables[parameters.findIndex((parameter) => parameter.name === name)];
    const slot = slots.find((one) => one.kind === 'momentum' && one.variableName === variableName)!;
    deviations.compare('weights', slot.variable.dataSync(), values);
  }
  const { loss, accuracy } = model.evaluate();
  deviations.compare('losses', loss, final.evalLoss);
  if (final.evalAccuracy !== undefined) deviations.compare('accuracy', accuracy!, final.evalAccuracy);
}

export function optimizerOf(
  { settings, parameters }: GoldenTrajectory,
  { variables }: ReplayModel,
  reuseGradients: boolean,
): FamilyOptimizer {
  const { algorithm, k } = settings;
  const { type, lr, momentum, dampening, weightDecay, nesterov } = settings.optimizer;
  if (type !== 'sgd') throw new Error(`a base optimizer of type "${type}" is not known`);
  const base = { learningRate: lr, momentum, dampening, weightDecay, nesterov };
  const rho = settings.rho ?? undefined;
  const adaptive = new Set(variables.filter((_, i) => parameters[i].adaptive));
  const asamOptions = { eta: settings.eta ?? undefined, rescale: (variable: tf.Variable) => adaptive.has(variable) };
  const lookbehindOptions = { k, alpha: settings.alpha ?? undefined, reuseGradients };
  switch (algorithm) {
    case 'sgd':
      return sgd(base);
    case 'sam':
      return sam({ ...base, rho });
    case 'asam':
      return asam({ ...base, rho, ...asamOptions });
    case 'multistep-sam':
      return multistepSAM({ ...base, rho, k });
    case 'multistep-asam':
      return multistepASAM({ ...base, rho, k, ...asamOptions });
    case 'lookahead-sgd':
      return lookahead(sgd(base), { k, alpha: settings.alpha as number });
    case 'lookahead-sam':
      return lookahead(sam({ ...base, rho }), { k, alpha: settings.alpha as number });
    case 'lookahead-asam':
      return lookahead(asam({ ...base, rho, ...asamOptions }), { k, alpha: settings.alpha as number });
    case 'lookbehind-sam':
      return lookbehindSAM({ ...base, rho, ...lookbehindOptions });
    case 'lookbehind-asam':
      return lookbehindASAM({ ...base, rho, ...asamOptions, ...lookbehindOptions });
    default:
      throw new Error(`the algorithm "${algorithm}" is not known`);
  }
}

function normOf(tensors: tf.Tensor[]): number {
  return Math.hypot(...tensors.flatMap((tensor) => Array.from(tensor.dataSync())));
}
