/**
 * accelerate on models that call code of the user's own, which keeps something in JavaScript from call to
 * call: what a graph would freeze is refused by name, and every call up to then counted once.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { lookbehindSAM } from 'lookbehind';
import { accelerate, CompileError, compile } from 'lookbehind/compile';
import { twoMoons } from 'lookbehind/data';
import { Trainer } from 'lookbehind/train';
import { historyOf, warningsOf } from './accelerateSupport';
import { assertClose, normal, numbersOf } from './support';

const [x, y] = [normal([22, 4], 1), normal([22, 2], 2)];
const QUIET = { batchSize: 8, epochs: 4, shuffle: false, verbose: 0 } as const;

/** A layer whose call is given: what it keeps is seen by nobody else. */
class Own extends tf.layers.Layer {
  static className = 'Own';

  constructor(private readonly compute: (input: tf.Tensor) => tf.Tensor) {
    super({ name: 'own' });
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => this.compute([inputs].flat()[0]));
  }
}

type Loss = (labels: tf.Tensor, outputs: tf.Tensor) => tf.Scalar;

const squares: Loss = (labels, outputs) => tf.mean(tf.square(tf.sub(labels, outputs)));

interface Parts {
  layer?: tf.layers.Layer;
  loss?: string | Loss;
  metrics?: Loss[];
  optimizer?: tf.Optimizer;
}

function modelOf({ layer, loss = 'meanSquaredError', metrics = [], optimizer }: Parts): tf.LayersModel {
  const dense = (units: number, seed: number) =>
    tf.layers.dense({ units, kernelInitializer: tf.initializers.glorotUniform({ seed }) });
  const model = tf.sequential();
  model.add(tf.layers.inputLayer({ inputShape: [4] }));
  model.add(dense(3, 1));
  if (layer !== undefined) model.add(layer);
  model.add(dense(2, 2));
  model.compile({ optimizer: optimizer ?? tf.train.momentum(0.05, 0.9), loss, metrics });
  return model;
}

type Work = (model: tf.LayersModel) => Promise<number[]>;

const fits: Work = async (model) => historyOf(await model.fit(x, y, QUIET));

/** What `work` gives on a model, with the weights after it; each model has its own parts. */
async function numbersAfter(make: () => Parts, work: Work, fast: boolean): Promise<number[]> {
  const model = modelOf(make());
  if (fast) accelerate(model);
  const numbers = [...(await work(model)), ...numbersOf(model.getWeights())];
  model.dispose();
  return numbers;
}

/** The model is refused for this reason, once, and trains to the bit as without accelerate. */
function refused(what: string, make: () => Parts, message: RegExp, work: Work = fits): void {
  it(what, async () => {
    const expected = await numbersAfter(make, work, false);
    let actual: number[] = [];
    const warnings = await warningsOf(async () => {
      actual = await numbersAfter(make, work, true);
    });
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0], message);
    assert.ok(expected.every(Number.isFinite));
    assert.deepEqual(actual, expected);
  });
}

/** Numbers in [0, 1), by a rule that JavaScript follows. */
function drawsFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

describe('a model whose JavaScript state a graph would freeze is refused, and trains to the bit as before', () => {
  class Counting extends Own {
    static override className = 'Counting';
    calls = 0;
    constructor() {
      super((input) => tf.div(input, ++this.calls));
    }
  }
  refused(
    'a counter in a field',
    () => ({ layer: new Counting() }),
    /the layer "own" \(Counting\) changes its field "calls"/,
  );

  const counters: Record<string, () => (input: tf.Tensor) => tf.Tensor> = {
    'a counter that nobody sees': () => {
      let calls = 0;
      return (input) => tf.div(input, 1 + calls++ / 10);
    },
    'every second call does something else': () => {
      let calls = 0;
      return (input) => (calls++ % 2 === 0 ? input.clone() : tf.tanh(input));
    },
    'a random generator in JavaScript': () => {
      const draw = drawsFrom(1);
      return (input) => tf.mul(input, tf.tensor1d(Array.from({ length: 3 }, draw)));
    },
  };
  for (const [name, counter] of Object.entries(counters))
    refused(
      name,
      () => ({ layer: new Own(counter()) }),
      /runs op by op.* the layer "own" \(Own\) .*tf\.Variable/s,
    );

  refused(
    'the output of the call before',
    () => {
      let last: tf.Tensor | undefined;
      const layer = new Own((input) => {
        const output = last === undefined ? tf.tanh(input) : tf.add(tf.tanh(input), tf.mean(last));
        last?.dispose();
        last = tf.keep(output.clone());
        return output;
      });
      return { layer };
    },
    /keeps a tensor/,
  );

  refused(
    'values that are read',
    () => ({ layer: new Own((input) => tf.mul(input, tf.mean(tf.abs(input)).dataSync()[0])) }),
    /tensor\.dataSync\(\) at .*ownCode\.test\.ts.* reads values/,
  );

  refused(
    'a loss that weighs each of its calls otherwise, with an optimizer that evaluates it several times',
    () => {
      let calls = 0;
      return {
        loss: (labels, outputs) => tf.mul(squares(labels, outputs), 1 / (1 + calls++)) as tf.Scalar,
        optimizer: lookbehindSAM({ k: 2, learningRate: 0.05, rho: 0.1 }),
      };
    },
    /number 0\.\d+ in its loss, a metric or the optimizer where the number [\d.]+ in its/,
  );

  let share = 0;
  refused(
    'a number that callbacks set after each batch',
    () => ({ loss: (labels, outputs) => tf.mul(squares(labels, outputs), 1 + share) as tf.Scalar }),
    /there is the number/,
    async (model) => {
      share = 0;
      const callbacks = {
        onBatchEnd: async () => {
          share += 0.1;
        },
      };
      return historyOf(await model.fit(x, y, { ...QUIET, callbacks }));
    },
  );

  it('Math.random, also where it is replaced by one with a seed', async () => {
    const { random } = Math;
    const train = async (fast: boolean): Promise<number[]> => {
      Math.random = drawsFrom(3);
      try {
        const layer = () => new Own((input) => tf.mul(input, 0.5 + Math.random()));
        const shuffled: Work = async (model) => historyOf(await model.fit(x, y, { ...QUIET, shuffle: true }));
        return await numbersAfter(() => ({ layer: layer() }), shuffled, fast);
      } finally {
        Math.random = random;
      }
    };
    const expected = await train(false);
    const warnings = await warningsOf(async () => assert.deepEqual(await train(true), expected));
    assert.match(warnings.join(), /calls Math\.random\(\)/);
  });

  it('a counter also where the model only evaluates and predicts', async () => {
    const work: Work = async (model) => [
      ...numbersOf([model.evaluate(x, y, { batchSize: 8 }) as tf.Tensor]),
      ...numbersOf([model.predict(x, { batchSize: 8 }) as tf.Tensor]),
    ];
    const parts = () => ({ layer: new Own(counters['a counter that nobody sees']()) });
    const expected = await numbersAfter(parts, work, false);
    const warnings = await warningsOf(async () =>
      assert.deepEqual(await numbersAfter(parts, work, true), expected),
    );
    assert.ok(warnings.length > 0);
  });
});

describe('a number that changes later', () => {
  it('with the epoch, is seen at its first step: the numbers are those without accelerate', async () => {
    let share = 0;
    const parts = () => ({
      loss: ((labels, outputs) => tf.mul(squares(labels, outputs), 1 + share)) as Loss,
    });
    const work: Work = async (model) => {
      share = 0;
      const callbacks = {
        onEpochEnd: async () => {
          share += 0.5;
        },
      };
      return historyOf(await model.fit(x, y, { ...QUIET, epochs: 6, callbacks }));
    };
    const expected = await numbersAfter(parts, work, false);
    const warnings = await warningsOf(async () =>
      assertClose(await numbersAfter(parts, work, true), expected, 1e-5),
    );
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /the number 1\.5 in its loss, .* where .*1 in its.*tf\.Variable/);
  });

  it('between two calls of fit, too', async () => {
    let share = 0;
    const parts = () => ({
      loss: ((labels, outputs) => tf.mul(squares(labels, outputs), 1 + share)) as Loss,
    });
    const work: Work = async (model) => {
      share = 0;
      const first = await fits(model);
      share = 1;
      return [...first, ...(await fits(model))];
    };
    const expected = await numbersAfter(parts, work, false);
    const warnings = await warningsOf(async () =>
      assertClose(await numbersAfter(parts, work, true), expected, 1e-5),
    );
    assert.equal(warnings.length, 1);
  });

  it('within an epoch, is seen after a while, and how many steps that may have been is said', async () => {
    let share = 0;
    const loss: Loss = (labels, outputs) => tf.mul(squares(labels, outputs), 1 + share) as tf.Scalar;
    const model = accelerate(modelOf({ loss }));
    const warnings = await warningsOf(async () => {
      for (let i = 0; i < 10; i++) await model.trainOnBatch(x, y);
      share = 1;
      const { warn } = console;
      let warned = false;
      console.warn = (message: string) => {
        warned = true;
        warn(message);
      };
      const end = performance.now() + 60_000;
      while (!warned && performance.now() < end) await model.trainOnBatch(x, y);
    });
    assert.match(
      warnings.join(),
      /has changed during the last \d+ steps?, of which some may have computed as before/,
    );
  });
});

describe('code of the user that keeps nothing', () => {
  const parts = (): Parts & { calls: () => number } => {
    let calls = 0;
    const layer = new Own((input) => {
      calls++;
      return tf.tanh(input);
    });
    return { layer, loss: squares, metrics: [squares], calls: () => calls };
  };

  it('is a graph from the third call on, with the same numbers, and leaves no tensors', async () => {
    assert.deepEqual(
      await warningsOf(async () => {
        const expected = await numbersAfter(parts, fits, false);
        assertClose(await numbersAfter(parts, fits, true), expected, 1e-5);
        const own = parts();
        const model = accelerate(modelOf(own));
        await model.fit(x, y, { ...QUIET, epochs: 2 });
        const before = own.calls();
        const tensors = tf.memory().numTensors;
        await model.fit(x, y, { ...QUIET, epochs: 40 });
        assert.equal(tf.memory().numTensors, tensors);
        assert.ok(own.calls() - before < 40, `${own.calls() - before} calls in 120 steps`);
      }),
      [],
    );
  });

  it('gives the same bits each time, whenever it is compared', async () => {
    const dropout = () => ({ ...parts(), optimizer: lookbehindSAM({ k: 2, learningRate: 0.05 }) });
    const slow: Work = async (model) => {
      const callbacks = { onEpochEnd: async () => await new Promise<void>((done) => setTimeout(done, 30)) };
      return historyOf(await model.fit(x, y, { ...QUIET, epochs: 12, callbacks }));
    };
    const quick: Work = async (model) => historyOf(await model.fit(x, y, { ...QUIET, epochs: 12 }));
    assert.deepEqual(await numbersAfter(dropout, slow, true), await numbersAfter(dropout, quick, true));
  });
});

describe('a Trainer', () => {
  const data = twoMoons({ samples: 40 });
  const trainerOf = (compute: (input: tf.Tensor) => tf.Tensor, options: object = {}) => {
    const layers = [tf.layers.dense({ units: 3, inputShape: [2] }), new Own(compute)];
    const model = tf.sequential({ layers: [...layers, tf.layers.dense({ units: 2 })] });
    const optimizer = lookbehindSAM({ k: 2, learningRate: 0.1 });
    return new Trainer(model, optimizer, data, { epochs: 2, batchSize: 16, seed: 1, ...options });
  };
  const counting = () => {
    let calls = 0;
    return (input: tf.Tensor) => tf.div(input, 1 + calls++ / 10);
  };

  it('refuses a layer or a loss that counts its calls, by name, and trains it op by op', async () => {
    await assert.rejects(
      trainerOf(counting()).train(),
      (error) =>
        error instanceof CompileError && /the layer "own" \(Own\).*tf\.Variable/s.test(error.message),
    );
    let calls = 0;
    const loss = (labels: tf.Tensor, outputs: tf.Tensor) =>
      tf.mul(
        tf.losses.softmaxCrossEntropy(tf.oneHot(labels as tf.Tensor1D, 2), outputs),
        1 + calls++,
      ) as tf.Scalar;
    await assert.rejects(trainerOf(tf.tanh, { loss }).train(), CompileError);
    await trainerOf(counting(), { eager: true }).train();
  });

  it('compiles what keeps nothing', async () => {
    const [own, stock] = [trainerOf(tf.tanh), trainerOf((input) => tf.tanh(input))];
    stock.model.setWeights(own.model.getWeights());
    for (const trainer of [own, stock]) await trainer.train();
    assert.deepEqual(numbersOf(own.model.getWeights()), numbersOf(stock.model.getWeights()));
  });
});

it('names a copy of a random op of tf.js, as an ES module imports it, and says how to import it', () => {
  const { randomNormal, dropout } = { ...tf };
  const refuses = (fn: (at: tf.Tensor) => tf.Tensor, name: string) =>
    assert.throws(
      () => compile(fn)(x),
      (error) => error instanceof CompileError && error.message.includes(`a copy of tf.${name},`),
    );
  refuses((at) => tf.mul(at, randomNormal([4])), 'randomNormal');
  refuses((at) => dropout(at, 0.5), 'dropout');
  const fresh = compile((at: tf.Tensor) => tf.mul(at, tf.randomNormal([4])));
  assert.notDeepEqual(numbersOf(fresh(x)), numbersOf(fresh(x)));
});

it('compile, too, leaves the fields of a layer as they were where it refuses them', () => {
  class Stepping extends tf.layers.Layer {
    static className = 'Stepping';
    steps = 0;
    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      return tf.mul([inputs].flat()[0], ++this.steps);
    }
  }
  const layer = new Stepping({});
  assert.throws(() => compile((at: tf.Tensor) => layer.apply(at) as tf.Tensor)(x), CompileError);
  assert.equal(layer.steps, 0);
});
