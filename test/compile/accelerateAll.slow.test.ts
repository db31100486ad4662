/**
 * accelerate: each optimizer of tf.train and of the library on each kind of model, step by step as tf.js
 * trains it.
 */
import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type * as tf from '@tensorflow/tfjs';
import { adamw } from 'lookbehind';
import { FAMILY } from '../optimizers/support';
import { assertSame, historyOf, STOCK, TASKS, warningsOf } from './accelerateSupport';
import { numbersOf } from './support';

const OURS = Object.fromEntries(
  Object.entries(FAMILY).map(([name, make]) => [
    name,
    () => make({ learningRate: 0.05, momentum: 0.9, weightDecay: 0.01 }),
  ]),
);

const ALL: Record<string, () => tf.Optimizer> = {
  ...STOCK,
  ...OURS,
  adamw: () => adamw({ learningRate: 0.01 }),
};
/** For recurrent networks, which are slow op by op, and where the model is what is tried. */
const FEW = ['tf.train.adam', 'tf.train.rmsprop', 'sgd', 'sam', 'lookahead(sgd)', 'lookbehindSAM', 'adamw'];

for (const [task, load] of Object.entries(TASKS)) {
  describe(task, () => {
    const { model, x, y, loss, metrics } = load();
    const few = /LSTM|GRU|two inputs/.test(task);
    for (const [name, optimizer] of Object.entries(ALL).filter(([one]) => !few || FEW.includes(one))) {
      it(name, async () => {
        const warnings = await warningsOf(() =>
          assertSame(
            () => {
              const made = model();
              made.compile({ optimizer: optimizer(), loss, metrics });
              return made;
            },
            async (made, calls) => {
              const options = { batchSize: 8, shuffle: false, verbose: 0, validationData: [x, y] as never };
              const recorded = await made.fit(x, y, { ...options, epochs: 2 });
              const before = calls();
              const run = await made.fit(x, y, { ...options, epochs: 1 });
              if (calls.fast) assert.equal(calls() - before, 0, 'calls of a layer where all is recorded');
              const evaluated = [made.evaluate(x, y, { batchSize: 8 })].flat();
              const predicted = [made.predict(x, { batchSize: 8 })].flat();
              return [...historyOf(recorded), ...historyOf(run), ...numbersOf([...evaluated, ...predicted])];
            },
            // The angles that adaptive factors come from blow rounding up: so they do in stock tf.js from
            // weights that differ by 1e-7.
            name.includes('adaptive') ? 5e-4 : 2e-5,
          ),
        );
        assert.deepEqual(warnings, []);
      });
    }
  });
}
