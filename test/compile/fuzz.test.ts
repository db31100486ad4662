/** Random programs give the same numbers compiled as op by op. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { compile, crossEntropy } from 'lookbehind/compile';
import { assertClose, assertNoLeak, normal, numbersOf } from './support';

/** How many programs: LB_FUZZ_RUNS for a long search. */
const RUNS = Number(process.env.LB_FUZZ_RUNS ?? 25);

const ROWS = 4;
const COLUMNS = 6;

/** The state of a program: matrices [4, 6] that it computes with, and variables of the same shape. */
interface Machine {
  stack: tf.Tensor[];
  variables: tf.Variable[];
  filter: tf.Variable;
  square: tf.Variable;
}

/** One instruction: takes matrices from the stack by index, pushes one, or changes a variable. */
type Instruction = (machine: Machine, a: tf.Tensor, b: tf.Tensor, n: number) => tf.Tensor | undefined;

const image = (x: tf.Tensor) => tf.reshape(x, [1, ROWS, COLUMNS, 1]) as tf.Tensor4D;
const matrix = (x: tf.Tensor) => tf.reshape(x, [ROWS, COLUMNS]);
/** Keeps numbers small, so that rounding does not grow from one instruction to the next. */
const tame = (x: tf.Tensor) => tf.clipByValue(x, -2, 2);

const INSTRUCTIONS: Record<string, Instruction> = {
  add: (_, a, b) => tf.add(a, b),
  sub: (_, a, b) => tf.sub(a, b),
  mul: (_, a, b) => tf.mul(a, b),
  divide: (_, a, b) => tf.div(a, tf.add(tf.abs(b), 1)),
  maximum: (_, a, b) => tf.maximum(a, b),
  tanh: (_, a) => tf.tanh(a),
  relu: (_, a) => tf.relu(a),
  sigmoid: (_, a) => tf.sigmoid(a),
  elu: (_, a) => tf.elu(a),
  softmax: (_, a) => tf.softmax(a),
  sqrt: (_, a) => tf.sqrt(tf.add(tf.square(a), 0.1)),
  where: (_, a, b) => tf.where(tf.greater(a, b), a, tf.neg(b)),
  rowMean: (_, a) => tf.sub(a, tf.mean(a, 1, true)),
  columnSum: (_, a) => tf.add(a, tf.mul(tf.sum(a, 0), 0.1)),
  logSumExp: (_, a) => tf.sub(a, tf.logSumExp(a, 1, true)),
  cumsum: (_, a) => tf.cumsum(a, 1),
  transpose: (_, a) => tf.reshape(tf.transpose(a), [ROWS, COLUMNS]),
  reverse: (_, a, __, n) => tf.reverse(a, n % 2),
  matMul: ({ square }, a) => tf.matMul(a, square),
  matMulTransposed: ({ square }, a) => tf.matMul(a, square, false, true),
  gather: (_, a, __, n) => tf.gather(a, tf.tensor1d([n % ROWS, 0, (n + 2) % ROWS, 3], 'int32')),
  concat: (_, a, b) => tf.slice(tf.concat([a, b], 0), [2, 0], [ROWS, COLUMNS]),
  pad: (_, a) =>
    tf.slice(
      tf.pad(a, [
        [1, 0],
        [0, 1],
      ]),
      [0, 1],
      [ROWS, COLUMNS],
    ),
  stack: (_, a, b) => tf.squeeze(tf.slice(tf.stack([a, b]), [1, 0, 0], [1, ROWS, COLUMNS]), [0]),
  tile: (_, a) => tf.slice(tf.tile(a, [1, 2]), [0, 3], [ROWS, COLUMNS]),
  oneHot: (_, a) => tf.add(a, tf.oneHot(tf.cast(tf.argMax(a, 1), 'int32'), COLUMNS)),
  topk: (_, a) => tf.concat([tf.topk(a, 3).values, tf.slice(a, [0, 0], [ROWS, 3])], 1),
  cast: (_, a) => tf.cast(tf.cast(tf.mul(a, 3), 'int32'), 'float32'),
  conv: ({ filter }, a) => matrix(tf.conv2d(image(a), filter as unknown as tf.Tensor4D, 1, 'same')),
  maxPool: (_, a) => matrix(tf.maxPool(image(a), 3, 1, 'same')),
  avgPool: (_, a) => matrix(tf.avgPool(image(a), 3, 1, 'same')),
  resizedPool: (_, a) => tf.sub(a, tf.mean(tf.maxPool(image(a), 2, 2, 'valid'))),
  batchNorm: (_, a) => {
    const { mean, variance } = tf.moments(a, 0);
    return tf.batchNorm(
      a as tf.Tensor2D,
      mean as tf.Tensor1D,
      variance as tf.Tensor1D,
      undefined,
      undefined,
      0.1,
    );
  },
  readVariable: ({ variables }, _, __, n) => variables[n % variables.length].clone(),
  assign: ({ variables }, a, _, n) => {
    variables[n % variables.length].assign(tame(a));
    return undefined;
  },
  assignVariable: ({ variables }, _, __, n) => {
    variables[n % variables.length].assign(variables[(n + 1) % variables.length]);
    return undefined;
  },
  accumulate: ({ variables }, a, _, n) => {
    const variable = variables[n % variables.length];
    variable.assign(tf.add(tf.mul(variable, 0.9), tf.mul(a, 0.1)) as tf.Tensor);
    return undefined;
  },
  gradient: ({ square }, a) => tf.grad((x) => tf.sum(tf.square(tf.tanh(tf.matMul(x, square)))))(a),
  convGradient: ({ filter }, a) =>
    tf.grad((x) =>
      tf.sum(
        tf.relu(tf.maxPool(tf.conv2d(image(x), filter as unknown as tf.Tensor4D, 1, 'same'), 2, 2, 'valid')),
      ),
    )(a),
  descend: ({ variables }, a, _, n) => {
    const variable = variables[n % variables.length];
    const labels = tf.tensor1d([0, 1, 2, 3], 'int32');
    const { value, grads } = tf.variableGrads(() => crossEntropy(labels, tf.add(a, variable)), [variable]);
    variable.assign(tf.sub(variable, tf.mul(grads[variable.name], 0.5)));
    return tf.add(a, value);
  },
  secondDerivative: (_, a) => tf.grad((x) => tf.sum(tf.grad((y) => tf.sum(tf.mul(tf.tanh(y), y)))(x)))(a),
};

const names = Object.keys(INSTRUCTIONS);
const program = fc.array(
  fc.record({ name: fc.constantFrom(...names), a: fc.nat(9), b: fc.nat(9), n: fc.nat(9) }),
  {
    minLength: 1,
    maxLength: 14,
  },
);

function makeMachine(): Machine {
  const variable = (shape: number[], seed: number) => tf.tidy(() => tf.variable(normal(shape, seed, 0.5)));
  return {
    stack: [],
    variables: [1, 2, 3].map((seed) => variable([ROWS, COLUMNS], seed)),
    filter: variable([3, 3, 1, 1], 4),
    square: variable([COLUMNS, COLUMNS], 5),
  };
}

function interpret(
  machine: Machine,
  instructions: { name: string; a: number; b: number; n: number }[],
  inputs: tf.Tensor[],
): tf.Tensor[] {
  machine.stack = [...inputs];
  for (const { name, a, b, n } of instructions) {
    const { stack } = machine;
    const made = INSTRUCTIONS[name](machine, stack[a % stack.length], stack[b % stack.length], n);
    if (made !== undefined) stack.push(tame(made));
  }
  return machine.stack.slice(inputs.length);
}

function disposeMachine({ variables, filter, square }: Machine): void {
  tf.dispose([...variables, filter, square]);
}

test('random programs give the same results and the same state compiled as op by op', () => {
  assertNoLeak(() =>
    fc.assert(
      fc.property(program, fc.boolean(), (instructions, makesNoVariables) => {
        const [eager, other] = [makeMachine(), makeMachine()];
        const compiled = compile((...inputs: tf.Tensor[]) => interpret(other, instructions, inputs), {
          makesNoVariables,
        });
        for (let call = 0; call < 3; call++) {
          const inputs = [normal([ROWS, COLUMNS], 10 + call), normal([ROWS, COLUMNS], 20 + call)];
          const expected = tf.tidy(() =>
            interpret(eager, instructions, inputs).map((tensor) => numbersOf(tensor)),
          );
          const actual = compiled(...inputs);
          assertClose(
            actual.flatMap((tensor) => numbersOf(tensor)),
            expected.flat(),
            1e-4,
            `call ${call}`,
          );
          assertClose(
            numbersOf(other.variables),
            numbersOf(eager.variables),
            1e-4,
            `variables after call ${call}`,
          );
          tf.dispose([actual, inputs]);
        }
        compiled.dispose();
        disposeMachine(eager);
        disposeMachine(other);
      }),
      { numRuns: RUNS, ...(process.env.LB_FUZZ_SEED ? { seed: Number(process.env.LB_FUZZ_SEED) } : {}) },
    ),
  );
});

/** From how many nodes on a graph of small ops has one thread; the library reads it where it is exported. */
const graphs = require('../../lib/dist/compile/graph/smallGraph') as { MANY_NODES: number };

/** The bits of all results of two calls, and of the variables after them. */
function bitsOf(instructions: Parameters<typeof interpret>[1], manyNodes: number): string {
  const stock = graphs.MANY_NODES;
  graphs.MANY_NODES = manyNodes;
  const machine = makeMachine();
  const compiled = compile((...inputs: tf.Tensor[]) => interpret(machine, instructions, inputs), {
    makesNoVariables: true,
  });
  try {
    return tf.tidy(() =>
      [0, 1]
        .flatMap((call) => [
          ...compiled(normal([ROWS, COLUMNS], 10 + call), normal([ROWS, COLUMNS], 20 + call)),
          ...machine.variables,
        ])
        .map((tensor) => Buffer.from(tensor.dataSync().slice().buffer).toString('hex'))
        .join(' '),
    );
  } finally {
    graphs.MANY_NODES = stock;
    compiled.dispose();
    disposeMachine(machine);
  }
}

test('random programs give the same bits on one thread as handed from thread to thread', () => {
  fc.assert(
    fc.property(program, (instructions) => {
      assert.equal(bitsOf(instructions, 0), bitsOf(instructions, Number.POSITIVE_INFINITY));
    }),
    { numRuns: RUNS },
  );
});

test('every instruction by itself compiles', () => {
  for (const name of names) {
    const [eager, other] = [makeMachine(), makeMachine()];
    const instructions = [
      { name, a: 0, b: 1, n: 1 },
      { name: 'readVariable', a: 0, b: 0, n: 1 },
    ];
    const inputs = [normal([ROWS, COLUMNS], 10), normal([ROWS, COLUMNS], 20)];
    const compiled = compile((...given: tf.Tensor[]) => interpret(other, instructions, given));
    for (let call = 0; call < 2; call++) {
      assertClose(
        numbersOf(compiled(...inputs)),
        numbersOf(interpret(eager, instructions, inputs)),
        2e-5,
        `${name}, call ${call}`,
      );
    }
    compiled.dispose();
    disposeMachine(eager);
    disposeMachine(other);
  }
});
