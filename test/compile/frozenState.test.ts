/**
 * JavaScript state beside the tensors of a compiled function: lifted, traced anew when it changes, or refused
 * by name.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { adamw, lookahead, sgd } from 'lookbehind';
import { CompileError, compile } from 'lookbehind/compile';
import { assertClose, assertNoLeak, numbersOf } from './support';

const half = (w: tf.Tensor): tf.Scalar => tf.mul(0.5, tf.sum(tf.square(w))) as tf.Scalar;

/** Lookahead over gradient descent with learning rate 0.1 on w^2 / 2 from 1, alpha 0.5. */
function lookaheadByHand(k: number, steps: number): number[] {
  let [slow, fast] = [1, 1];
  return Array.from({ length: steps }, (_, i) => {
    fast *= 0.9;
    if ((i + 1) % k === 0) slow = fast = slow + 0.5 * (fast - slow);
    return fast;
  });
}

describe('minimize inside of a compiled function', () => {
  for (const makesNoVariables of [false, true]) {
    for (const k of [1, 2, 3]) {
      it(`synchronizes Lookahead with k = ${k} and counts, makesNoVariables: ${makesNoVariables}`, () => {
        const w = tf.variable(tf.scalar(1));
        const optimizer = lookahead(sgd({ learningRate: 0.1 }), { k, alpha: 0.5 });
        optimizer.prepare([w]);
        const step = compile(() => optimizer.minimize(() => half(w), true, [w]) as tf.Scalar, {
          makesNoVariables,
        });
        const values = Array.from({ length: 7 }, () => {
          step().dispose();
          return w.dataSync()[0];
        });
        assertClose(values, lookaheadByHand(k, 7), 1e-6);
        assert.deepEqual(
          [optimizer.iterations, optimizer.gradientEvaluations, optimizer.base.iterations],
          [7, 7, 7],
        );
        assert.equal(step.graphs.length, Math.min(k, 2));
      });
    }
  }

  it('synchronizes where several steps are one graph', () => {
    const w = tf.variable(tf.scalar(1));
    const optimizer = lookahead(sgd({ learningRate: 0.1 }), { k: 3, alpha: 0.5 });
    const twice = compile(() => {
      optimizer.minimize(() => half(w), false, [w]);
      optimizer.minimize(() => half(w), false, [w]);
    });
    const values = Array.from({ length: 6 }, () => {
      twice();
      return w.dataSync()[0];
    });
    assertClose(
      values,
      lookaheadByHand(3, 12).filter((_, i) => i % 2 === 1),
      1e-6,
    );
    assert.equal(optimizer.iterations, 12);
  });

  it('counts the steps of AdamW and of a stock optimizer, and none of a call that fails', () => {
    for (const optimizer of [adamw(), tf.train.adam(0.01)]) {
      const w = tf.variable(tf.scalar(1));
      let fail = false;
      const step = compile((x: tf.Tensor) => {
        const loss = optimizer.minimize(() => half(tf.mul(w, x)), true, [w]) as tf.Scalar;
        if (fail) throw new RangeError('on purpose');
        return loss;
      });
      for (let i = 0; i < 5; i++) step(tf.scalar(1)).dispose();
      assert.equal(optimizer.iterations, 5);
      fail = true;
      assert.throws(() => step(tf.tensor1d([1])), RangeError);
      assert.equal(optimizer.iterations, 5);
    }
  });

  it('follows the learning rate of a stock optimizer', () => {
    const w = tf.variable(tf.scalar(1));
    const optimizer = tf.train.sgd(0.5);
    const step = compile(() => optimizer.minimize(() => half(w), true, [w]) as tf.Scalar);
    const after = (): number => {
      step().dispose();
      return w.dataSync()[0];
    };
    assertClose([after(), after()], [0.5, 0.25], 1e-6);
    optimizer.setLearningRate(0.1);
    assertClose([after(), after()], [0.225, 0.2025], 1e-6);
  });
});

describe('flags and numbers of layers and variables', () => {
  const dense = (units: number, name: string, seed: number) =>
    tf.layers.dense({
      units,
      name,
      inputShape: [2],
      kernelInitializer: tf.initializers.glorotUniform({ seed }),
    });
  const make = () => {
    const model = tf.sequential({
      layers: [dense(4, 'body', 1), dense(2, 'head', 2)],
    });
    const xs = tf.ones([3, 2]);
    const optimizer = sgd({ learningRate: 1e-3 });
    const step = compile((x: tf.Tensor) => {
      const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
      return optimizer.minimize(
        () => half(model.apply(x, { training: true }) as tf.Tensor),
        true,
        variables,
      ) as tf.Scalar;
    });
    const moves = (name: string): boolean => {
      const kernel = model.getLayer(name).getWeights()[0];
      const before = numbersOf(kernel);
      step(xs).dispose();
      return numbersOf(model.getLayer(name).getWeights()[0]).some((value, i) => value !== before[i]);
    };
    return { model, step, moves };
  };

  it('freezes and thaws a layer, and keeps a graph for each', () => {
    const { model, step, moves } = make();
    assert.deepEqual([moves('body'), moves('body')], [true, true]);
    for (let i = 0; i < 3; i++) {
      model.getLayer('body').trainable = false;
      assert.deepEqual([moves('body'), moves('body'), moves('head')], [false, false, true]);
      model.getLayer('body').trainable = true;
      assert.deepEqual([moves('body'), moves('body')], [true, true]);
    }
    assert.equal(step.graphs.length, 2);
  });

  it('freezes a whole model that is part of another', () => {
    const inner = tf.sequential({ layers: [dense(2, 'inside', 3)] });
    const model = tf.sequential({ layers: [inner, tf.layers.dense({ units: 1 })] });
    const optimizer = tf.train.sgd(0.1);
    const step = compile((x: tf.Tensor) => {
      const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
      return optimizer.minimize(() => half(model.apply(x) as tf.Tensor), true, variables) as tf.Scalar;
    });
    const xs = tf.ones([3, 2]);
    for (let i = 0; i < 2; i++) step(xs).dispose();
    inner.trainable = false;
    const frozen = numbersOf(inner.getWeights());
    for (let i = 0; i < 2; i++) step(xs).dispose();
    assert.deepEqual(numbersOf(inner.getWeights()), frozen);
  });

  it('follows variable.trainable', () => {
    const [a, b] = [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(1))];
    const optimizer = tf.train.sgd(0.5);
    const step = compile(
      () =>
        optimizer.minimize(
          () => half(tf.add(a, b)),
          true,
          [a, b].filter((one) => one.trainable),
        ) as tf.Scalar,
    );
    const after = (): number[] => {
      step().dispose();
      return numbersOf([a, b]);
    };
    assertClose([...after(), ...after()], [0, 0, 0, 0], 1e-6);
    a.assign(tf.scalar(1));
    (b as unknown as { trainable: boolean }).trainable = false;
    assertClose([...after(), ...after()], [0.5, 0, 0.25, 0], 1e-6);
  });

  it('follows the rate of a dropout layer', () => {
    const layer = tf.layers.dropout({ rate: 0.5 });
    const share = compile((x: tf.Tensor) =>
      tf.mean(tf.cast(tf.equal(layer.apply(x, { training: true }) as tf.Tensor, 0), 'float32')),
    );
    const x = tf.ones([20_000]);
    assertClose([...numbersOf(share(x)), ...numbersOf(share(x))], [0.5, 0.5], 0.02);
    (layer as unknown as { rate: number }).rate = 0.1;
    assertClose([...numbersOf(share(x)), ...numbersOf(share(x))], [0.1, 0.1], 0.02);
  });
});

describe('what a graph cannot hold is refused by name', () => {
  const refused = (fn: (x: tf.Tensor) => unknown, x: tf.Tensor, message: RegExp): void => {
    for (const makesNoVariables of [false, true]) {
      assert.throws(
        () => compile(fn, { makesNoVariables })(x),
        (error) => error instanceof CompileError && message.test(error.message),
      );
    }
  };

  it('stateful recurrent layers, also inside of others', () => {
    const x = tf.ones([2, 3, 4]);
    const plain = (stateful: boolean, name: string) =>
      tf.layers.lstm({ units: 2, stateful, name, batchInputShape: [2, 3, 4] });
    const lstm = tf.sequential({ layers: [plain(true, 'memory')] });
    refused((at) => lstm.apply(at), x, /layer "memory" \(LSTM\) is stateful/);
    const both = tf.layers.bidirectional({
      layer: plain(true, 'inner') as unknown as never,
      mergeMode: 'concat',
      batchInputShape: [2, 3, 4],
    });
    const model = tf.sequential({ layers: [both] });
    refused((at) => model.apply(at), x, /layer "\w*inner" \(LSTM\) is stateful/);
    const stateless = tf.sequential({ layers: [plain(false, 'stateless')] });
    const compiled = compile((at: tf.Tensor) => stateless.apply(at) as tf.Tensor);
    const expected = numbersOf(stateless.apply(x) as tf.Tensor);
    for (let i = 0; i < 3; i++) assertClose(numbersOf(compiled(x)), expected, 1e-6);
  });

  it('a layer that counts its calls', () => {
    class Counting extends tf.layers.Layer {
      calls = 0;
      static get className(): string {
        return 'Counting';
      }
      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        return tf.mul(Array.isArray(inputs) ? inputs[0] : inputs, ++this.calls);
      }
    }
    const layer = new Counting({ name: 'counter' });
    refused((x) => layer.apply(x), tf.ones([2]), /layer "counter" \(Counting\) changes its field "calls"/);
  });

  it('a tensor that is kept for the next call', () => {
    let sum: tf.Tensor = tf.scalar(0);
    refused(
      (x) => {
        sum = tf.keep(tf.add(sum, x));
        return tf.mul(sum, 1);
      },
      tf.scalar(1),
      /keeps a tensor \(float32 \[\]\)/,
    );
  });

  it('but not what is always the same, nor the masks of recurrent dropout', () => {
    let table: tf.Tensor | undefined;
    const compiled = compile((x: tf.Tensor) => {
      table ??= tf.keep(tf.add(tf.ones([2]), 1));
      return tf.mul(x, table);
    });
    for (let i = 0; i < 3; i++) assert.deepEqual(numbersOf(compiled(tf.scalar(3))), [6, 6]);
    const layer = tf.layers.gru({ units: 3, dropout: 0.5, recurrentDropout: 0.5, name: 'masked' });
    const noisy = compile((x: tf.Tensor) => layer.apply(x, { training: true }) as tf.Tensor);
    const runs = Array.from({ length: 5 }, () => numbersOf(noisy(tf.ones([4, 2, 3]))).join());
    assert.ok(new Set(runs.slice(2)).size === 3);
  });
});

describe('arguments and results', () => {
  it('a tf.Variable as an argument can be read, assigned and differentiated', () => {
    const run = (compiled: boolean): number[][] => {
      const [a, b] = [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(10))];
      const fn = (v: tf.Tensor): tf.Tensor => {
        const variable = v as tf.Variable;
        const { grads } = tf.variableGrads(() => half(variable), [variable]);
        variable.assign(tf.sub(variable, tf.mul(0.5, grads[variable.name])));
        a.assign(tf.add(a, 1));
        return tf.add(variable, 0);
      };
      const step = compiled ? compile(fn) : fn;
      return [a, b, a, b, a].map((variable) => [...numbersOf(step(variable)), ...numbersOf([a, b])]);
    };
    assert.deepEqual(run(true), run(false));
  });

  it('one tensor returned twice is one tensor in each run', () => {
    const compiled = compile((x: tf.Tensor) => {
      const y = tf.add(x, 1);
      return { first: y, second: y, copy: y.clone(), given: [x, x] };
    });
    const x = tf.scalar(1);
    assertNoLeak(() => {
      for (let i = 0; i < 4; i++) {
        const { first, second, copy, given } = compiled(x);
        assert.equal(first, second);
        assert.equal(given[0], given[1]);
        first.dispose();
        assert.deepEqual([second.isDisposed, ...numbersOf([copy, ...given])], [true, 2, 1, 1]);
        tf.dispose([copy, given]);
      }
    });
    assert.equal(x.isDisposed, false);
  });

  it('a seeded tf.multinomial draws the same at each call and in each function', () => {
    const make = (seed: number, eager: boolean) =>
      compile((x: tf.Tensor) => tf.multinomial(x as tf.Tensor2D, 20, seed), { eager });
    const logits = tf.zeros([1, 10]);
    const draws = [make(7, false), make(7, false), make(7, true)].flatMap((fn) =>
      Array.from({ length: 3 }, () => numbersOf(fn(logits)).join()),
    );
    assert.equal(new Set(draws).size, 1);
    assert.notEqual(numbersOf(make(8, false)(logits)).join(), draws[0]);
  });
});

it('the first call copies no variable that it does not read', () => {
  const others = tf.tidy(() => Array.from({ length: 100 }, () => tf.variable(tf.zeros([4]))));
  const w = tf.variable(tf.scalar(2));
  const held = (): object[] => others.map(({ dataId }) => dataId);
  const [before, tensors] = [held(), tf.memory().numTensors];
  let within = 0;
  const compiled = compile((x: tf.Tensor) => {
    within = tf.memory().numTensors - tensors;
    return tf.mul(w, x);
  });
  tf.tidy(() => assert.equal(compiled(tf.scalar(3)).dataSync()[0], 6));
  assert.ok(within < 50, `${within} tensors`);
  // A variable that is assigned to gets other data.
  assert.ok(held().every((data, i) => data === before[i]));
  tf.dispose([w, ...others]);
});
