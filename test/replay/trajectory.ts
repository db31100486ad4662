/** Replays a golden trajectory with the library's own optimizers and compares every recorded number. */
import {
  asam,
  type Compiled,
  compile,
  type FamilyOptimizer,
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
import { Deviations, type GoldenInner, type GoldenStep, type GoldenTrajectory, type Values } from './golden';
import { buildModel, type ReplayModel } from './model';

export interface ReplayOptions {
  /** Takes k + 1 gradients in place of the official 2k where one batch serves all inner steps. Default false. */
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
  const runs = new Map<string, { run: Compiled<tf.Tensor[], tf.Tensor[]>; measured: Measured[]; evaluations: number }>();

  for (let outer = 0; outer < steps.length; outer++) {
    for (let call = 0; call < calls; call++) {
      const batchesOfCall = (isLookahead ? batches?.[outer].slice(call, call + 1) : batches?.[outer]) ?? [];
      let entry = runs.get(optimizer.stepKind);
      if (entry === undefined) {
        const made = {
          measured: [] as Measured[],
          evaluations: 0,
          run: compile((...rows: tf.Tensor[]) => measure(rows), { eager: !compiled }),
        };
        const measure = (rows: tf.Tensor[]): tf.Tensor[] => {
          const { tensors, measured, evaluations } = measureStep(golden, model, optimizer, rows as tf.Tensor1D[], reuseGradients);
          Object.assign(made, { measured, evaluations });
          return tensors;
        };
        entry = made;
        runs.set(optimizer.stepKind, made);
      }
      const rows = batchesOfCall.map((indices) => tf.tensor1d(indices, 'int32'));
      const values = entry.run(...rows);
      optimizer.finishStep(entry.evaluations);
      entry.measured.forEach(({ kind, expected }, i) => {
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
  for (const { run } of runs.values()) run.dispose();
  optimizer.dispose();
  model.dispose();
  return deviations;
}

/** One step with everything that the file may record of it. */
function measureStep(
  golden: GoldenTrajectory,
  model: ReplayModel,
  optimizer: FamilyOptimizer,
  rows: tf.Tensor1D[],
  reuseGradients: boolean,
): { tensors: tf.Tensor[]; measured: Measured[]; evaluations: number } {
  const { parameters, settings, firstGradients } = golden;
  const isLookahead = settings.algorithm.startsWith('lookahead');
  const tensors: tf.Tensor[] = [];
  const measured: Measured[] = [];
  const add = (kind: string, tensor: tf.Tensor, expected: Measured['expected']): void => {
    tensors.push(tensor.clone());
    measured.push({ kind, expected });
  };
  const addAll = (
    kind: string,
    values: tf.Tensor[],
    named: Array<{ name: string }>,
    expected: (position: Position) => Values | undefined,
  ): void => {
    named.forEach(({ name }, i) => {
      add(kind, values[i], (position) => expected(position)?.[name]);
    });
  };
  const whenFirst =
    (values: Values | undefined) =>
    ({ outer, call }: Position): Values | undefined =>
      outer === 0 && call === 0 ? values : undefined;
  const probe: StepProbe = {
    inner(step) {
      const at = ({ call, recorded }: Position): GoldenInner => recorded.inner[isLookahead ? call : step.inner];
      add('losses', step.loss, (position) => at(position).loss);
      add('gradNorms', norm(step.gradients), (position) => at(position).gradNorm);
      if (step.inner === 0) addAll('gradients', step.gradients, parameters, whenFirst(firstGradients.ascentGradient));
      if (step.scaledNorm) add('gradNorms', step.scaledNorm, (position) => at(position).scaledGradNorm);
      if (step.perturbed) addAll('weights', step.perturbed, parameters, (position) => at(position).perturbed);
      if (step.lossPerturbed) add('losses', step.lossPerturbed, (position) => at(position).lossPerturbed);
      if (step.descentGradients) {
        add('gradNorms', norm(step.descentGradients), (position) => at(position).descentGradNorm);
        if (step.inner === 0) addAll('gradients', step.descentGradients, parameters, whenFirst(firstGradients.descentGradient));
      }
      if (step.fast) addAll('weights', step.fast, parameters, (position) => at(position).fast);
      // With reused gradients the statistics already hold the next ascent's pass between two inner steps.
      const comparable = !reuseGradients || step.inner === settings.k - 1;
      if (comparable) addAll('buffers', model.buffers, golden.buffers, (position) => at(position).buffers);
    },
    descent({ loss, gradients }) {
      add('losses', loss, ({ recorded }) => recorded.lossPerturbed);
      add('gradNorms', norm(gradients), ({ recorded }) => recorded.descentGradNorm);
      addAll('gradients', gradients, parameters, whenFirst(firstGradients.descentGradient));
    },
    alphas(alphas) {
      parameters.forEach(({ name }, i) => {
        add('alpha', alphas[i], ({ recorded }) => recorded.alpha?.[name]);
      });
    },
  };
  const { gradientEvaluations } = optimizer.step(({ inner }) => model.loss(rows[isLookahead ? 0 : inner]), model.variables, {
    probe,
  });
  return { tensors, measured, evaluations: gradientEvaluations };
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

function norm(tensors: tf.Tensor[]): tf.Tensor {
  return tf.sqrt(tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor)))));
}
