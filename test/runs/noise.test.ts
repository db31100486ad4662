/** Noise in configurations: noise-aware training, and measures of robustness. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { OptionError } from 'lookbehind/errors';
import {
  bitErrors,
  composeNoise,
  evaluateUnderNoise,
  gaussianNoise,
  type NoiseFamily,
  noiseSensitivity,
  pcm,
  quantization,
  reram,
} from 'lookbehind/robustness';
import {
  buildRun,
  configHash,
  executeRun,
  type MeasureConfig,
  openRun,
  type RunConfig,
  type RunResult,
  type RunStore,
  resolveConfig,
  sweep,
} from 'lookbehind/runs';
import { flattenRow } from 'lookbehind/statistics';
import { trainableVariables } from 'lookbehind/train';
import type { NoiseEvaluatorOptions } from '../../lib/dist/robustness/evaluate';
import { SMALL, temporaryStore } from './support';

const QUICK: RunConfig = { ...SMALL, epochs: 1 };

async function finish(config: RunConfig, store: RunStore): Promise<RunResult> {
  const outcome = await executeRun(config, store);
  assert.ok(outcome.kind === 'done');
  return outcome.result;
}

describe('the noise of a run', () => {
  test('is part of its name, with defaults that need not be written', () => {
    const hashOf = (noise?: RunConfig['noise']): string => configHash({ ...SMALL, noise });
    assert.equal(hashOf(), configHash(SMALL));
    assert.equal(hashOf('none'), hashOf({ kind: 'none' }));
    assert.equal(hashOf('none'), hashOf());
    assert.equal(
      hashOf({ kind: 'gaussian', sigma: 0.1 }),
      hashOf({ kind: 'gaussian', sigma: 0.1, tensors: 'kernels' }),
    );
    const different: RunConfig['noise'][] = [
      'none',
      { kind: 'gaussian', sigma: 0.1 },
      { kind: 'gaussian', sigma: 0.2 },
      { kind: 'gaussian', sigma: 0.1, tensors: 'all' },
      { kind: 'additive', sigma: 0.1 },
      { kind: 'additive', sigma: 0.1, relativeTo: 'rms' },
      { kind: 'quantization', bits: 4 },
      { kind: 'composed', stages: [{ kind: 'quantization', bits: 4 }] },
    ];
    assert.equal(new Set(different.map(hashOf)).size, different.length);
  });

  test('changes training, costs Lookbehind 2k gradients, and is gone when the run is evaluated', async (t) => {
    const store = temporaryStore(t);
    const before = tf.memory().numTensors;
    const rows = await sweep(
      {
        ...QUICK,
        noise: ['none', { kind: 'gaussian', sigma: 0.5 }],
        measures: [{ kind: 'noisyAccuracy', sigmas: [0], draws: 1 }],
      },
      { store, engine: 'inProcess' },
    );
    const [plain, noisy] = rows.map(flattenRow);
    assert.deepEqual(
      [plain.noise, noisy.noise, noisy['noise.sigma'], noisy['noise.tensors']],
      ['none', 'gaussian', 0.5, 'kernels'],
    );
    assert.notEqual(plain.trainLoss, noisy.trainLoss);
    assert.deepEqual([plain.gradientEvaluations, noisy.gradientEvaluations], [4 * 3, 4 * 4]);
    for (const { result } of rows)
      assert.equal(result?.measures['noisyAccuracy@0'], result?.last?.testAccuracy);
    assert.equal(tf.memory().numTensors, before);
  });

  test('is drawn from the seed of the run', async () => {
    const weightsAfter = async (config: RunConfig): Promise<number[][]> => {
      const { trainer, model, dispose } = await buildRun(config);
      await trainer.train();
      const weights = trainableVariables(model).map((variable) => [...variable.dataSync()]);
      dispose();
      return weights;
    };
    const config: RunConfig = { ...QUICK, noise: { kind: 'gaussian', sigma: 0.5 } };
    assert.deepEqual(await weightsAfter(config), await weightsAfter(config));
  });

  const wrong: [RegExp, object][] = [
    [/^noise\.kind must be one of .*"gaussian".*got "white"/, { noise: 'white' }],
    [/^noise\.sigma must be given/, { noise: 'gaussian' }],
    [/^noise\.sigma must be a number >= 0, got -1/, { noise: { kind: 'gaussian', sigma: -1 } }],
    [
      /^noise \(gaussian\) has no option "bits"\. It has sigma/,
      { noise: { kind: 'gaussian', sigma: 1, bits: 2 } },
    ],
    [
      /^noise\.tensors must be one of "kernels", "all"/,
      { noise: { kind: 'gaussian', sigma: 1, tensors: 'bias' } },
    ],
    [
      /^noise\.positions must be at least one bit/,
      { noise: { kind: 'bitErrors', rate: 0.1, protectedBits: 8 } },
    ],
    [/^noise\.stages must be a list of at least one noise/, { noise: { kind: 'composed', stages: [] } }],
    [
      /^noise\.stages\[1\]\.bits must be/,
      {
        noise: {
          kind: 'composed',
          stages: [
            { kind: 'gaussian', sigma: 1 },
            { kind: 'quantization', bits: 9 },
          ],
        },
      },
    ],
    [
      /^optimizer\.reuseGradients must be false or left out in training with noise/,
      {
        noise: { kind: 'gaussian', sigma: 1 },
        optimizer: { kind: 'lookahead', base: { kind: 'lookbehindSAM', reuseGradients: true } },
      },
    ],
  ];
  for (const [message, change] of wrong) {
    test(`is refused with ${message}`, () => {
      assert.throws(
        () => resolveConfig({ ...SMALL, ...change }),
        (error: Error) => error instanceof OptionError && message.test(error.message),
      );
    });
  }
});

describe('measures of robustness', () => {
  test('are what evaluation under noise gives, for every noise', async (t) => {
    const store = temporaryStore(t);
    const draws = 2;
    const families: [MeasureConfig & { kind: 'robustness' }, NoiseFamily][] = [
      [{ kind: 'robustness', noise: 'gaussian', levels: [0.3], draws }, (sigma) => gaussianNoise({ sigma })],
      [
        { kind: 'robustness', noise: { kind: 'quantization', per: 'channel' }, levels: [2, 3], draws: 1 },
        (bits) => quantization({ bits, per: 'channel' }),
      ],
      [
        {
          kind: 'robustness',
          noise: { kind: 'bitErrors', positions: [0, 7], bits: 8 },
          levels: [0.05],
          draws,
          seed: 3,
        },
        (rate) => bitErrors({ rate, positions: [0, 7] }),
      ],
      [
        { kind: 'robustness', noise: { kind: 'pcm', driftCompensation: false }, levels: [1, 3600], draws },
        (seconds) => pcm({ seconds, driftCompensation: false }),
      ],
      [
        { kind: 'robustness', name: 'compensated', noise: 'pcm', levels: [3600], draws, samples: 100 },
        (seconds) => pcm({ seconds }),
      ],
      [
        { kind: 'robustness', noise: 'reram', levels: [86400], draws, on: 'train' },
        (seconds) => reram({ seconds }),
      ],
      [
        {
          kind: 'robustness',
          noise: { kind: 'composed', stages: [{ kind: 'quantization', bits: 4 }, { kind: 'gaussian' }] },
          levels: [0.1],
          draws,
        },
        (sigma) => composeNoise(quantization({ bits: 4 }), gaussianNoise({ sigma })),
      ],
    ];
    const config: RunConfig = {
      ...QUICK,
      measures: [
        ...families.map(([measure]) => measure),
        { kind: 'noisyAccuracy', sigmas: [0.2, 0.4], draws },
        { kind: 'layerSensitivity', noise: { kind: 'gaussian', sigma: 0.5 }, draws },
      ],
    };
    const before = tf.memory().numTensors;
    const { measures } = await finish(config, store);
    assert.equal(tf.memory().numTensors, before);
    const { model, data, dispose } = await openRun(config, store);
    const check = async (
      name: string,
      noise: NoiseFamily,
      levels: readonly number[],
      on: 'train' | 'test',
      options: NoiseEvaluatorOptions,
      samples?: number,
    ) => {
      const all = data[on];
      const set = samples === undefined ? all : all.subset(samples, { stratified: true });
      const expected = await evaluateUnderNoise(model, set, { noise, levels, ...options });
      for (const { level, accuracy } of expected.levels) {
        assert.equal(measures[`${name}@${level}`], accuracy.mean, `${name} at ${level}`);
        assert.equal(measures[`${name}Std@${level}`], accuracy.std);
      }
    };
    for (const [{ name, noise, levels, draws, seed, on = 'test', samples }, family] of families) {
      await check(
        name ?? (typeof noise === 'string' ? noise : noise.kind),
        family,
        levels,
        on,
        { draws, seed },
        samples,
      );
    }
    await check('noisyAccuracy', (sigma) => gaussianNoise({ sigma }), [0.2, 0.4], 'test', { draws });
    const { layers } = await noiseSensitivity(model, data.test, {
      noise: gaussianNoise({ sigma: 0.5 }),
      draws,
    });
    assert.deepEqual(
      layers.map(({ accuracyDrop }) => accuracyDrop.mean),
      ['dense1', 'logits'].map((layer) => measures[`layerSensitivity@${layer}`]),
    );
    dispose();
  });

  test('tell what becomes of BatchNorm statistics, side by side', async (t) => {
    const store = temporaryStore(t);
    const config: RunConfig = {
      ...QUICK,
      model: { kind: 'mlp', hidden: [12], batchNorm: true },
      measures: [
        {
          kind: 'noisyAccuracy',
          sigmas: [0, 0.6],
          draws: 2,
          batchNorm: ['keep', { kind: 'estimate', batches: 2, batchSize: 20 }, 'recompute'],
        },
      ],
    };
    const { measures } = await finish(config, store);
    const { model, data, dispose } = await openRun(config, store);
    const policies: Record<string, NoiseEvaluatorOptions['batchNorm']> = {
      '': 'keep',
      '.estimate': { data: data.train, batches: 2, batchSize: 20 },
      '.recompute': { data: data.train },
    };
    for (const [suffix, batchNorm] of Object.entries(policies)) {
      const { levels } = await evaluateUnderNoise(model, data.test, {
        noise: (sigma) => gaussianNoise({ sigma }),
        levels: [0, 0.6],
        draws: 2,
        batchNorm,
      });
      for (const { level, accuracy } of levels)
        assert.equal(measures[`noisyAccuracy${suffix}@${level}`], accuracy.mean, suffix);
    }
    const at = Object.keys(policies).map((suffix) => measures[`noisyAccuracy${suffix}@0.6`]);
    assert.equal(new Set(at).size, 3, String(at));
    dispose();
    assert.deepEqual(resolveConfig(config).measures[0], {
      kind: 'noisyAccuracy',
      sigmas: [0, 0.6],
      draws: 2,
      seed: 0,
      tensors: 'kernels',
      on: 'test',
      batchNorm: [
        { kind: 'keep' },
        { kind: 'estimate', batches: 2, batchSize: 20 },
        { kind: 'recompute', batchSize: 250 },
      ],
    });
  });

  test('have the hash of the plain measure where nothing else is asked for', () => {
    const hashOf = (measure: object): string => configHash({ ...SMALL, measures: [measure] });
    const plain = { kind: 'noisyAccuracy', sigmas: [0.1] };
    assert.equal(hashOf(plain), hashOf({ ...plain, batchNorm: ['keep'], tensors: 'kernels', draws: 10 }));
    assert.notEqual(hashOf(plain), hashOf({ ...plain, batchNorm: ['recompute'] }));
  });

  const wrong: [RegExp, object[]][] = [
    [
      /^measures must be .*robustness once per name/,
      [0.1, 0.2].map((level) => ({ kind: 'robustness', noise: 'gaussian', levels: [level] })),
    ],
    [
      /^measures must be/,
      [
        { kind: 'robustness', name: 'sharpness', noise: 'gaussian', levels: [1] },
        { kind: 'sharpness', radii: [1] },
      ],
    ],
    [
      /^measures\[0\]\.name must be letters/,
      [{ kind: 'robustness', name: 'a@b', noise: 'gaussian', levels: [1] }],
    ],
    [
      /^measures\[0\]\.levels must be a number >= 0 and <= 1, got 2/,
      [{ kind: 'robustness', noise: 'bitErrors', levels: [0.5, 2] }],
    ],
    [
      /^measures\[0\]\.levels must be one of 1, 86400, 172800/,
      [{ kind: 'robustness', noise: 'reram', levels: [5] }],
    ],
    [
      /^measures\[0\]\.levels must be a list of at least one/,
      [{ kind: 'robustness', noise: 'pcm', levels: [] }],
    ],
    [
      /^measures\[0\]\.noise \(gaussian\) has no option "sigma"/,
      [{ kind: 'robustness', noise: { kind: 'gaussian', sigma: 1 }, levels: [1] }],
    ],
    [
      /^measures\[0\]\.noise\.stages must be a list with a noise whose strength is left out/,
      [
        {
          kind: 'robustness',
          noise: { kind: 'composed', stages: [{ kind: 'gaussian', sigma: 1 }] },
          levels: [1],
        },
      ],
    ],
    [/^measures\[0\]\.noise\.sigma must be given/, [{ kind: 'layerSensitivity', noise: 'gaussian' }]],
    [
      /^measures\[0\]\.noise\.protectedBits|positions must be/,
      [{ kind: 'layerSensitivity', noise: { kind: 'bitErrors', rate: 0.1, protectedBits: 8 } }],
    ],
    [
      /^measures\[0\]\.batchNorm must be a list of keep/,
      [{ kind: 'noisyAccuracy', sigmas: [1], batchNorm: ['keep', 'keep'] }],
    ],
    [
      /^measures\[0\]\.batchNorm\[0\]\.batches must be/,
      [{ kind: 'noisyAccuracy', sigmas: [1], batchNorm: [{ kind: 'estimate', batches: 0 }] }],
    ],
  ];
  for (const [message, measures] of wrong) {
    test(`are refused with ${message}`, () => {
      assert.throws(
        () => resolveConfig({ ...SMALL, measures }),
        (error: Error) => error instanceof OptionError && message.test(error.message),
      );
    });
  }
});
