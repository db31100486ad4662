/** Replays a golden trajectory with the library's own optimizers and compares every recorded number. */
import * as tf from '@tensorflow/tfjs';
import {
  asam,
  lookahead,
  lookbehindASAM,
  lookbehindSAM,
  multistepASAM,
  multistepSAM,
  sam,
  sgd,
} from 'lookbehind';
import { type Compiled, compile } from 'lookbehind/compile';
import type { FamilyOptimizer, Step, Visit } from 'lookbehind/extend';
import { placesOf } from '../../lib/dist/optimizers/passes';
import { Deviations, type GoldenInner, type GoldenStep, type GoldenTrajectory, type Values } from './golden';
import { buildModel, type ReplayModel } from './model';

export interface ReplayOptions {
  /**
   * Takes k + 1 gradients in place of the official 2k where one batch serves all inner steps. Default false.
   */
  reuseGradients?: boolean;
  /** Runs compiled steps in place of single operations. Default false. */
  compiled?: boolean;
}

/** Where a replay stands. */
interface Position {
  outer: number;
  /** Call of `step` within the outer step: Lookahead takes k, the others one. */
  call: number;
  /** What the file records of the outer step. */
  recorded: GoldenStep;
}

/** A measured tensor: its kind, and what the file says of it at a position (undefined: nothing). */
interface Measured {
  kind: string;
  expected: (position: Position) => number[] | number | undefined;
}

/** Replays `golden` and returns the deviations. Leaks no tensor. */
export function replayTrajectory(
  golden: GoldenTrajectory,
  { reuseGradients = false, compiled = false }: ReplayOptions = {},
): Deviations {
  const deviations = new Deviations();
  const model = buildModel(golden);
  const optimizer = optimizerOf(golden, model, reuseGradients);
  const { steps, batches, settings } = golden;
  const isLookahead = settings.algorithm.startsWith('lookahead');
  const calls = isLookahead ? settings.k : 1;
  const { run, measured } = measuredStep(golden, model, optimizer, compiled);

  for (let outer = 0; outer < steps.length; outer++) {
    for (let call = 0; call < calls; call++) {
      const batchesOfCall = (isLookahead ? batches?.[outer].slice(call, call + 1) : batches?.[outer]) ?? [];
      const rows = batchesOfCall.map((indices) => tf.tensor1d(indices, 'int32'));
      const values = run(...rows);
      measured.forEach(({ kind, expected }, i) => {
        const recorded = expected({ outer, call, recorded: steps[outer] });
        if (recorded !== undefined) deviations.compare(kind, values[i].dataSync(), recorded);
      });
      tf.dispose([rows, values]);
    }
    compareVariables('weights', model.variables, golden.parameters, steps[outer].slow, deviations);
    if (steps[outer].buffers !== undefined)
      compareVariables('buffers', model.buffers, golden.buffers, steps[outer].buffers!, deviations);
  }

  compareFinal(golden, optimizer, model, deviations);
  run.dispose();
  optimizer.dispose();
  model.dispose();
  return deviations;
}

/** A step that returns everything that the file may record of it. */
function measuredStep(
  golden: GoldenTrajectory,
  model: ReplayModel,
  optimizer: FamilyOptimizer,
  compiled: boolean,
): { run: Compiled<tf.Tensor[], tf.Tensor[]>; measured: Measured[] } {
  const isLookahead = golden.settings.algorithm.startsWith('lookahead');
  const measured: Measured[] = [];
  const step = (...rows: tf.Tensor[]): tf.Tensor[] => {
    /** BatchNorm's statistics before each pass, and after the step. */
    const buffers: tf.Tensor[][] = [];
    const note = (): void => void buffers.push(model.buffers.map((buffer) => tf.keep(buffer.clone())));
    const taken = optimizer.step(({ inner }) => {
      note();
      return model.loss(rows[isLookahead ? 0 : inner] as tf.Tensor1D);
    }, model.variables);
    note();
    optimizer.finishStep(taken.gradientEvaluations);
    const readings = readingsOf(golden, taken, buffers);
    measured.splice(0, measured.length, ...readings);
    const tensors = readings.map(({ tensor }) => tensor.clone());
    tf.dispose(buffers);
    return tensors;
  };
  return { run: compile(step, { eager: !compiled }), measured };
}

/** What the file may record of a step. */
function readingsOf(
  { parameters, buffers: named, settings, firstGradients }: GoldenTrajectory,
  { visits, fast, alphas }: Step,
  buffers: tf.Tensor[][],
): Array<Measured & { tensor: tf.Tensor }> {
  const isLookahead = settings.algorithm.startsWith('lookahead');
  const readings: Array<Measured & { tensor: tf.Tensor }> = [];
  const add = (kind: string, tensor: tf.Tensor | undefined, expected: Measured['expected']): void => {
    if (tensor !== undefined) readings.push({ kind, tensor, expected });
  };
  const addAll = (
    kind: string,
    tensors: tf.Tensor[] | undefined,
    of: Array<{ name: string }>,
    expected: (position: Position) => Values | undefined,
  ): void => {
    of.forEach(({ name }, i) => {
      add(kind, tensors?.[i], (position) => expected(position)?.[name]);
    });
  };
  const whenFirst =
    (values: Values | undefined) =>
    ({ outer, call }: Position): Values | undefined =>
      outer === 0 && call === 0 ? values : undefined;

  const places = placesOf(visits);
  const climbs = places.length > 1;
  const count = climbs ? places.length - 1 : 1;
  for (let inner = 0; inner < count; inner++) {
    const at = ({ call, recorded }: Position): GoldenInner => recorded.inner[isLookahead ? call : inner];
    // A place is visited twice if another pass climbs from it.
    const here = visits.find((one) => one.phase === 'ascent' && one.inner === inner) ?? places[inner];
    add('losses', here.loss, (position) => at(position).loss);
    add('gradNorms', norm(here.gradients), (position) => at(position).gradNorm);
    if (inner === 0)
      addAll('gradients', here.gradients, parameters, whenFirst(firstGradients.ascentGradient));
    if (climbs)
      add('gradNorms', scaledNorm(here, settings, parameters), (position) => at(position).scaledGradNorm);
    if (climbs)
      addAll('weights', places[inner + 1].weights, parameters, (position) => at(position).perturbed);
    const there = visits.find((one) => climbs && one.phase === 'descent' && one.inner === inner);
    add('losses', there?.loss, (position) => at(position).lossPerturbed);
    add('gradNorms', there && norm(there.gradients), (position) => at(position).descentGradNorm);
    addAll('weights', fast?.[inner], parameters, (position) => at(position).fast);
    // The end of an inner step is where the next one climbs, unless that is the same pass.
    const next = visits.findIndex((one) => one.phase === 'ascent' && one.inner === inner + 1);
    const end = inner < count - 1 ? next : settings.algorithm.startsWith('multistep') ? count : visits.length;
    if (end >= 0) addAll('buffers', buffers[end], named, (position) => at(position).buffers);
  }
  const descent = visits.find(({ phase }) => climbs && phase === 'descent');
  addAll('gradients', descent?.gradients, parameters, whenFirst(firstGradients.descentGradient));
  add('losses', descent?.loss, ({ recorded }) => recorded.lossPerturbed);
  add('gradNorms', descent && norm(descent.gradients), ({ recorded }) => recorded.descentGradNorm);
  parameters.forEach(({ name }, i) => {
    add('alpha', alphas?.[i], ({ recorded }) => recorded.alpha?.[name]);
  });
  return readings;
}

/** ||T g||. */
function scaledNorm(
  { weights, gradients }: Visit,
  { eta }: GoldenTrajectory['settings'],
  parameters: GoldenTrajectory['parameters'],
): tf.Tensor {
  if (eta === null) return norm(gradients);
  return norm(
    gradients.map((g, i) => (parameters[i].adaptive ? tf.mul(g, tf.add(tf.abs(weights[i]), eta)) : g)),
  );
}

function compareVariables(
  kind: string,
  variables: tf.Variable[],
  named: Array<{ name: string }>,
  recorded: Values,
  deviations: Deviations,
): void {
  named.forEach(({ name }, i) => {
    deviations.compare(kind, variables[i].dataSync(), recorded[name]);
  });
}

function compareFinal(
  { final, parameters }: GoldenTrajectory,
  optimizer: FamilyOptimizer,
  model: ReplayModel,
  deviations: Deviations,
): void {
  const slots = optimizer.family().flatMap((one) => one.slots.list());
  for (const [name, values] of Object.entries(final.momentum ?? {})) {
    const { name: variableName } =
      model.variables[parameters.findIndex((parameter) => parameter.name === name)];
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
  const asamOptions = {
    eta: settings.eta ?? undefined,
    rescale: (variable: tf.Variable) => adaptive.has(variable),
  };
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

function norm(tensors: tf.Tensor[]): tf.Tensor {
  return tf.sqrt(tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor)))));
}
