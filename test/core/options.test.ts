/** Descriptions of options: the types, checks, defaults and errors that come from them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { OptionError } from 'lookbehind/errors';
import { closest } from '../../lib/dist/core/closest';
import {
  checkFields,
  checkKind,
  checkOptions,
  either,
  flag,
  listOf,
  needed,
  nested,
  number,
  numbers,
  type OptionsOf,
  oneOf,
  signal,
  text,
  whole,
  withDefault,
} from '../../lib/dist/core/options';

const SAM = {
  k: whole({ min: 1 }, 2),
  learningRate: number({ min: 0 }, 0.1),
  alpha: withDefault(either(number({ min: 0, max: 1 }), oneOf(['adaptive'])), 0.5),
  nesterov: flag(false),
  name: text(),
  radii: listOf(number({ min: 0 })),
  signal: signal(),
};

const NOISES = {
  gaussian: { sigma: needed(number({ min: 0 })) },
  reram: { seconds: needed(oneOf([1, 86400])) },
};

/** The message of what `fn` throws. */
function messageOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    assert.ok(error instanceof OptionError, String(error));
    return error.message;
  }
  return 'passed';
}

const wrong = (options: unknown): string => messageOf(() => checkOptions('lookbehindSAM', SAM, options));

describe('options', () => {
  it('have the types and defaults of their description', () => {
    const options: OptionsOf<typeof SAM> = { k: 5, alpha: 'adaptive' };
    const { k, learningRate, alpha, name } = checkOptions('lookbehindSAM', SAM, options);
    const typed: { k: number; alpha: number | 'adaptive'; name: string | undefined } = { k, alpha, name };
    assert.deepEqual(
      { ...typed, learningRate },
      { k: 5, alpha: 'adaptive', name: undefined, learningRate: 0.1 },
    );
    // @ts-expect-error sigma must be given
    const noise: OptionsOf<typeof NOISES.gaussian> = {};
    assert.match(
      messageOf(() => checkOptions('gaussianNoise', NOISES.gaussian, noise)),
      /^sigma must be given: a number >= 0\.$/,
    );
  });

  it('are refused in plain English', () => {
    assert.equal(wrong({ lr: 0.1 }), 'lookbehindSAM has no option "lr". Did you mean learningRate?');
    assert.equal(
      wrong({ steps: 1 }),
      `lookbehindSAM has no option "steps". It has ${Object.keys(SAM).join(', ')}.`,
    );
    assert.equal(wrong({ learningRate: null }), 'learningRate must be a number >= 0, got null.');
    assert.equal(
      wrong({ learningRate: Infinity }),
      'learningRate must be a finite number >= 0, got Infinity.',
    );
    assert.equal(wrong({ learningRate: Number.NaN }), 'learningRate must be a number >= 0, got NaN.');
    assert.equal(wrong(5), 'lookbehindSAM: options must be an object, got 5.');
    assert.equal(wrong({ k: 1.5 }), 'k must be a whole number >= 1, got 1.5.');
    assert.equal(wrong({ alpha: 2 }), 'alpha must be a number >= 0 and <= 1, or "adaptive", got 2.');
    assert.equal(wrong({ nesterov: 1 }), 'nesterov must be true or false, got 1.');
    assert.equal(wrong({ radii: [1, -1] }), 'radii[1] must be a number >= 0, got -1.');
    assert.equal(wrong({ signal: {} }), 'signal must be an AbortSignal, got {}.');
    assert.equal(wrong({ constructor: 1 }).slice(0, 41), 'lookbehindSAM has no option "constructor"');
    assert.match(wrong(JSON.parse('{ "__proto__": 1 }')), /has no option "__proto__"/);
  });

  it('of objects are named by their path', () => {
    const message = (noise: unknown): string => messageOf(() => checkKind('noise', noise, NOISES, 'full'));
    assert.equal(message({ kind: 'gaussian', sigma: -1 }), 'noise.sigma must be a number >= 0, got -1.');
    assert.equal(message('gaussian'), 'noise.sigma must be given: a number >= 0.');
    assert.equal(message('white'), 'noise.kind must be one of "gaussian", "reram", got "white".');
    assert.equal(message('constructor'), 'noise.kind must be one of "gaussian", "reram", got "constructor".');
    assert.equal(
      message({ kind: 'gaussian', bits: 2 }),
      'noise (gaussian) has no option "bits". It has sigma.',
    );
    assert.equal(message(null), 'noise must be an object, got null.');
    const outer = { inner: nested({ k: SAM.k, weights: numbers() }) };
    assert.equal(
      messageOf(() => checkFields('', { inner: { k: 0 } }, outer, 'full')),
      'inner.k must be a whole number >= 1, got 0.',
    );
    assert.equal(
      messageOf(() => checkFields('', { inner: { weights: [0, '1'] } }, outer, 'full')),
      'inner.weights must be a number, got "1". It is number 1 of 0 to 1.',
    );
  });

  it('are the same in minimal form whether a default is written or left out', () => {
    assert.deepEqual(checkFields('', { k: 2, nesterov: true, name: 'a' }, SAM, 'minimal'), {
      nesterov: true,
      name: 'a',
    });
    assert.deepEqual(checkFields('', { k: 2 }, SAM, 'full'), {
      k: 2,
      learningRate: 0.1,
      alpha: 0.5,
      nesterov: false,
    });
  });

  it('keep what only looks like a wrong value', () => {
    const values = Float32Array.of(1, 2);
    assert.equal(
      checkOptions('plane', { weights: numbers<ArrayLike<number>>() }, { weights: values }).weights,
      values,
    );
    assert.deepEqual(checkOptions('plane', SAM, { name: undefined }).name, undefined);
  });
});

it('a list of tensors and functions is named in a message, not written out', () => {
  const given = [tf.zeros([2, 3]), Math.abs, new Float32Array(2), { a: [1, null] }];
  const { message } = new OptionError('given', given, 'a number');
  assert.equal(
    message,
    'given must be a number, got ["a tensor of shape [2,3]","a function","a Float32Array of 8 bytes",' +
      '{"a":[1,null]}].',
  );
});

describe('a misspelt name', () => {
  const known = [
    'learningRate',
    'momentum',
    'weightDecay',
    'batchSize',
    'k',
    'rho',
    'eta',
    'epochs',
    'countPer',
  ];
  for (const [name, meant] of Object.entries({
    lr: 'learningRate',
    wd: 'weightDecay',
    batch_size: 'batchSize',
    BatchSize: 'batchSize',
    learningrate: 'learningRate',
    learning: 'learningRate',
    momentun: 'momentum',
    epoch: 'epochs',
    roh: 'rho',
    K: 'k',
    nonsense: undefined,
    x: undefined,
    '': undefined,
  })) {
    it(`${JSON.stringify(name)} means ${meant}`, () => assert.equal(closest(name, known), meant));
  }

  it('of a million letters is met quickly', () => assert.equal(closest('x'.repeat(1e6), known), undefined));
});
