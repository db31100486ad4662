/** Saving and restoring the whole state of an optimizer. */
import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import {
  adamw,
  asam,
  lookahead,
  lookbehindSAM,
  multistepSAM,
  type OptimizerState,
  sam,
  sgd,
} from 'lookbehind';
import { OptionError, StateMismatchError } from 'lookbehind/errors';
import { type FamilyOptimizer, SharpnessOptimizer } from 'lookbehind/extend';
import { FAMILY, Quadratic } from './support';

const makers: Record<string, () => FamilyOptimizer> = {
  ...Object.fromEntries(
    Object.entries(FAMILY).map(([name, make]) => [name, () => make({ learningRate: 0.05, momentum: 0.9 })]),
  ),
  adamw: () => adamw({ learningRate: 0.05 }),
  'sgd with dampening': () => sgd({ learningRate: 0.05, momentum: 0.9, dampening: 0.3 }),
  'lookbehindSAM over adamw': () => lookbehindSAM({ base: adamw({ learningRate: 0.05 }), k: 3 }),
  'lookahead(adamw)': () => lookahead(adamw(), { k: 3 }),
};

/** What a file or a message would do to it. */
function throughJson({ manifest, data }: OptimizerState): OptimizerState {
  return { manifest: JSON.parse(JSON.stringify(manifest)), data: Uint8Array.from(data) };
}

describe('state', () => {
  for (const [name, make] of Object.entries(makers)) {
    it(`${name}: goes on bit for bit, also between two synchronizations`, () => {
      const problem = new Quadratic();
      const optimizer = make();
      for (let i = 0; i < 4; i++) optimizer.minimize(problem.loss, false, problem.variables);
      optimizer.learningRate = 0.03;
      const state = throughJson(optimizer.saveState());
      const middle = problem.values;

      const resumed = new Quadratic(middle);
      const names = new Map(
        problem.variables.map((variable, i) => [resumed.variables[i].name, variable.name]),
      );
      const other = make();
      other.minimize(resumed.loss, false, resumed.variables);
      tf.tidy(() => {
        resumed.variables[0].assign(tf.tensor1d(middle.slice(0, 2)));
        resumed.variables[1].assign(tf.tensor1d(middle.slice(2)));
      });
      other.restoreState(state, resumed.variables, names);
      assert.equal(other.iterations, 4);
      assert.equal(other.gradientEvaluations, optimizer.gradientEvaluations);
      assert.equal(other.learningRate, 0.03);
      for (let i = 0; i < 4; i++) {
        optimizer.minimize(problem.loss, false, problem.variables);
        other.minimize(resumed.loss, false, resumed.variables);
        assert.deepEqual(resumed.values, problem.values);
      }
      for (const one of [problem, resumed, optimizer, other]) one.dispose();
    });

    it(`${name}: is made anew from its configuration and its tf.js weights, and goes on bit for bit`, async () => {
      const problem = new Quadratic();
      const optimizer = make();
      for (let i = 0; i < 4; i++) optimizer.minimize(problem.loss, false, problem.variables);
      const [Class, fromConfig] =
        tf.serialization.SerializationMap.getMap().classNameMap[optimizer.getClassName()];
      const other = fromConfig(Class, JSON.parse(JSON.stringify(optimizer.getConfig()))) as FamilyOptimizer;
      assert.deepEqual(other.getConfig(), optimizer.getConfig());
      await other.setWeights(await optimizer.getWeights());
      assert.equal(other.iterations, 4);
      assert.deepEqual(other.saveState().manifest.parts, optimizer.saveState().manifest.parts);
      const middle = problem.variables.map((variable) => variable.clone());
      const goOn = (one: FamilyOptimizer): number[] => {
        problem.variables.forEach((variable, i) => {
          variable.assign(middle[i]);
        });
        for (let i = 0; i < 4; i++) one.minimize(problem.loss, false, problem.variables);
        return problem.values;
      };
      assert.deepEqual(goOn(other), goOn(optimizer));
      tf.dispose(middle);
      for (const one of [problem, optimizer, other]) one.dispose();
    });
  }

  it('restores in place, so that what was compiled stays valid, and forgets what was not saved', () => {
    const problem = new Quadratic();
    const optimizer = sgd({ learningRate: 0.05, momentum: 0.9 });
    const fresh = optimizer.saveState();
    optimizer.minimize(problem.loss, false, problem.variables);
    const state = optimizer.saveState();
    const slots = optimizer.slots.list().map(({ variable }) => variable);
    const values = slots.map((variable) => Array.from(variable.dataSync()));
    optimizer.minimize(problem.loss, false, problem.variables);
    optimizer.restoreState(state, problem.variables);
    assert.deepEqual(
      optimizer.slots.list().map(({ variable }) => variable.id),
      slots.map(({ id }) => id),
    );
    assert.deepEqual(
      slots.map((variable) => Array.from(variable.dataSync())),
      values,
    );
    optimizer.restoreState(fresh, problem.variables);
    assert.equal(optimizer.slots.list().length, 0);
    for (const one of [problem, optimizer]) one.dispose();
  });

  it('refuses what does not belong, says why, and changes nothing', () => {
    const problem = new Quadratic();
    const optimizer = lookbehindSAM({ learningRate: 0.05, momentum: 0.9 });
    optimizer.minimize(problem.loss, false, problem.variables);
    const state = throughJson(optimizer.saveState());
    const other = tf.variable(tf.tensor1d([1, 2]), true, 'other');
    const square = tf.variable(tf.tensor2d([[1, 2]]), true, 'square');
    const renamed = new Map([['square', problem.variables[0].name]]);
    const refused = (message: RegExp, action: () => void): void => {
      assert.throws(
        action,
        (error: unknown) => error instanceof StateMismatchError && message.test(error.message),
      );
      assert.deepEqual(optimizer.saveState(), state);
    };
    refused(/momentum for a variable "\d+", but the trained variables are other/, () =>
      optimizer.restoreState(state, [other]),
    );
    refused(/of shape \[2\] for ".*", which has shape \[1,2\]/, () =>
      optimizer.restoreState(state, [square], renamed),
    );
    refused(/saved by .*SGD, but this is/, () =>
      optimizer.restoreState(sgd().saveState(), problem.variables),
    );
    refused(/cut off/, () =>
      optimizer.restoreState({ ...state, data: state.data.slice(0, 5) }, problem.variables),
    );
    const foreign = { ...state.manifest, format: 'something' } as unknown as OptimizerState['manifest'];
    refused(/its format is "something"/, () =>
      optimizer.restoreState({ ...state, manifest: foreign }, problem.variables),
    );
    for (const one of [problem, optimizer, other, square]) one.dispose();
  });

  const base = { learningRate: 0.05, momentum: 0.9 };
  const changed: Record<string, [string, () => FamilyOptimizer, () => FamilyOptimizer]> = {
    k: ['k', () => lookbehindSAM({ ...base, k: 2 }), () => lookbehindSAM({ ...base, k: 5 })],
    alpha: [
      'alpha',
      () => lookbehindSAM({ ...base, alpha: 0.5 }),
      () => lookbehindSAM({ ...base, alpha: 'adaptive' }),
    ],
    'k of Multistep': ['k', () => multistepSAM({ k: 2 }), () => multistepSAM({ k: 3 })],
    'k of Lookahead': ['k', () => lookahead(sgd(base), { k: 5 }), () => lookahead(sgd(base), { k: 6 })],
    'alpha of an inner Lookahead': [
      'alpha',
      () => lookahead(lookahead(sgd(base), { k: 3 }), { k: 2 }),
      () => lookahead(lookahead(sgd(base), { k: 3, alpha: 0.2 }), { k: 2 }),
    ],
    'momentum of the base': ['momentum', () => sam(base), () => sam({ ...base, momentum: 0.5 })],
    beta2: ['beta2', () => adamw(), () => adamw({ beta2: 0.99 })],
    eta: ['eta', () => asam(base), () => asam({ ...base, eta: 0 })],
    rule: ['rule', () => sam(base), () => asam(base)],
    'reuseGradients left out': [
      'reuseGradients',
      () => lookbehindSAM(base),
      () => lookbehindSAM({ ...base, reuseGradients: false }),
    ],
    batchNormUpdates: [
      'batchNormUpdates',
      () => sam(base),
      () => sam({ ...base, batchNormUpdates: 'first' }),
    ],
    rescale: ['rescale', () => asam({ ...base, rescale: () => true }), () => asam(base)],
  };
  for (const [name, [option, make, makeOther]] of Object.entries(changed)) {
    it(`goes on with the same ${name} only`, () => {
      const problem = new Quadratic();
      const [optimizer, same, other] = [make(), make(), makeOther()];
      optimizer.minimize(problem.loss, false, problem.variables);
      const state = throughJson(optimizer.saveState());
      const untouched = other.saveState();
      assert.throws(
        () => other.restoreState(state, problem.variables),
        (error: unknown) => error instanceof StateMismatchError && error.message.includes(`"${option}"`),
      );
      assert.deepEqual(other.saveState(), untouched);
      // What may change in mid-run may differ.
      same.learningRate = 1;
      if (same instanceof SharpnessOptimizer) same.rho = 1;
      same.restoreState(state, problem.variables);
      assert.deepEqual(same.saveState(), optimizer.saveState());
      for (const one of [problem, optimizer, same, other]) one.dispose();
    });
  }

  it('asam({ rescale }) is refused where a file would lose it, and its state goes on', async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
    const make = () =>
      lookahead(asam({ learningRate: 0.1, rescale: (variable) => variable.shape.length === 1 }));
    model.compile({ optimizer: make(), loss: 'meanSquaredError' });
    const handler = tf.io.withSaveHandler(async () => ({
      modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' },
    }));
    await assert.rejects(
      model.save(handler, { includeOptimizer: true }),
      (error: unknown) =>
        error instanceof OptionError && /rescale/.test(error.message) && /saveState/.test(error.message),
    );
    await model.save(handler);
    const problem = new Quadratic();
    const [optimizer, other] = [make(), make()];
    optimizer.minimize(problem.loss, false, problem.variables);
    const start = problem.values;
    const state = throughJson(optimizer.saveState());
    optimizer.minimize(problem.loss, false, problem.variables);
    const resumed = new Quadratic(start);
    other.restoreState(
      state,
      resumed.variables,
      new Map(problem.variables.map(({ name }, i) => [resumed.variables[i].name, name])),
    );
    other.minimize(resumed.loss, false, resumed.variables);
    assert.deepEqual(resumed.values, problem.values);
    for (const one of [problem, resumed, optimizer, other, model]) one.dispose();
  });

  it('refuses a variable of another shape under a known name', () => {
    const optimizer = sgd({ momentum: 0.9 });
    const first = tf.variable(tf.tensor1d([1, 2]), true, 'reshaped');
    optimizer.minimize(() => tf.sum(tf.square(first)) as tf.Scalar, false, [first]);
    first.dispose();
    const second = tf.variable(tf.tensor1d([1, 2, 3]), true, 'reshaped');
    assert.throws(
      () => optimizer.minimize(() => tf.sum(tf.square(second)) as tf.Scalar, false, [second]),
      StateMismatchError,
    );
    second.dispose();
    optimizer.dispose();
  });
});
