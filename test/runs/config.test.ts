import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { OptionError } from 'lookbehind/errors';
import {
  buildRun,
  configHash,
  expandGrid,
  type OptimizerConfig,
  type RunConfig,
  resolveConfig,
  runNames,
  type SweepGrid,
} from 'lookbehind/runs';
import { BASES, SCHEMES } from '../../lib/dist/optimizers';
import { buildOptimizer } from '../../lib/dist/runs/config/optimizerConfig';
import { SMALL } from './support';

const KINDS = [...Object.keys({ ...BASES, ...SCHEMES }), 'lookahead'] as Array<OptimizerConfig['kind']>;

/** A configuration with every part that has options. */
const RICH = {
  data: { kind: 'mnist', trainSize: 1000, pool: 2, standardize: true, evaluateOn: 'selection' },
  model: { kind: 'convNet', filters: [4, 8], batchNorm: true, hidden: [16] },
  optimizer: {
    kind: 'lookahead',
    k: 5,
    alpha: 0.8,
    base: { kind: 'asam', rho: 1, eta: 0.1, base: { kind: 'adamw', beta1: 0.8 } },
  },
  epochs: 30,
  batchSize: 64,
  schedule: { kind: 'multiStep', milestones: [10, 20], gamma: 0.2, warmUpEpochs: 1 },
  augmentation: { kind: 'cropAndFlip', padding: 2 },
  switchBatches: false,
  seed: 3,
  measures: [
    { kind: 'noisyAccuracy', sigmas: [0.1], draws: 5 },
    { kind: 'sharpness', radii: [0.5] },
  ],
} satisfies RunConfig;

const NETWORKS: Array<Exclude<RunConfig['model'], string>> = [
  { kind: 'resNet', depth: 20, width: 1 },
  { kind: 'wideResNet', depth: 10, widen: 2, width: 1, dropout: 0.1 },
  { kind: 'vit', patchSize: 2, width: 6, depth: 1, heads: 2, dropout: 0.1 },
];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

function shuffleKeys(value: Json, order: (keys: string[]) => string[]): Json {
  if (Array.isArray(value)) return value.map((item) => shuffleKeys(item, order));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(order(Object.keys(value)).map((key) => [key, shuffleKeys(value[key], order)]));
}

/** All paths to values in a JSON object. */
function pathsOf(value: Json, path: Array<string | number> = []): Array<Array<string | number>> {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, item]) =>
    pathsOf(item, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return path.length === 0 ? inner : [path, ...inner];
}

function withValue(value: Json, [key, ...rest]: Array<string | number>, replacement: unknown): Json {
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as { [key: string]: Json };
  copy[key] = (rest.length === 0 ? replacement : withValue(copy[key], rest, replacement)) as Json;
  return copy;
}

describe('the hash of a configuration', () => {
  test('never changes for a given configuration', () => {
    assert.equal(configHash(SMALL), '7ec66a86a1d3e87f');
    assert.equal(configHash(RICH), 'debad9e6bcfe70ff');
  });

  test('does not depend on the order of fields', () => {
    const hash = configHash(RICH);
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
        const order = (keys: string[]): string[] =>
          keys
            .map((key) => ({ key, at: numbers.next().value as number }))
            .sort((a, b) => a.at - b.at)
            .map(({ key }) => key);
        assert.equal(configHash(shuffleKeys(RICH as unknown as Json, order)), hash);
      }),
      { numRuns: 20 },
    );
  });

  test('does not depend on whether defaults are written', () => {
    for (const config of [SMALL, RICH, ...KINDS.map((kind): RunConfig => ({ ...SMALL, optimizer: kind }))]) {
      const full = resolveConfig(config);
      assert.equal(configHash(full), configHash(config));
      assert.deepEqual(resolveConfig(full), full);
    }
  });

  test('does not depend on notes', () => {
    assert.equal(configHash({ ...SMALL, label: 'mine', profile: 'quick' }), configHash(SMALL));
  });

  test('takes SGD as a base for the options of SGD', () => {
    const written: OptimizerConfig = {
      kind: 'sam',
      rho: 0.1,
      base: { kind: 'sgd', learningRate: 0.2, momentum: 0.9 },
    };
    const short: OptimizerConfig = { kind: 'sam', rho: 0.1, learningRate: 0.2, momentum: 0.9 };
    assert.equal(configHash({ ...SMALL, optimizer: written }), configHash({ ...SMALL, optimizer: short }));
    assert.deepEqual(
      resolveConfig({ ...SMALL, optimizer: written }),
      resolveConfig({ ...SMALL, optimizer: short }),
    );
  });

  test('depends on everything else', () => {
    const base = configHash(RICH);
    const changes: Json[] = [
      { ...RICH, seed: 4 } as unknown as Json,
      { ...RICH, epochs: 31 } as unknown as Json,
      withValue(RICH as unknown as Json, ['optimizer', 'base', 'eta'], 0.2),
      withValue(RICH as unknown as Json, ['schedule', 'milestones'], [10, 21]),
      withValue(RICH as unknown as Json, ['model', 'filters'], [8, 4]),
      withValue(RICH as unknown as Json, ['measures'], []),
    ];
    const hashes = changes.map(configHash);
    assert.equal(new Set([base, ...hashes]).size, changes.length + 1);
  });
});

describe('a network for images', () => {
  for (const model of NETWORKS) {
    test(`${model.kind} is built of its configuration and trains`, async () => {
      const config: RunConfig = { ...SMALL, model, epochs: 1 };
      assert.equal(configHash(resolveConfig(config)), configHash(config));
      const run = await buildRun(config);
      assert.deepEqual(run.model.inputs[0].shape, [null, 8, 8, 1]);
      const before = run.model.getWeights()[0].dataSync().slice();
      await run.trainer.train();
      assert.notDeepEqual(run.model.getWeights()[0].dataSync(), before);
      run.dispose();
    });
  }

  test('and its data have their options checked', () => {
    const wrong: Array<[Partial<RunConfig>, RegExp]> = [
      [{ model: { kind: 'wideResNet', depth: 12 } }, /model\.depth must be 6 n \+ 4.*, got 12/],
      [{ model: { kind: 'vit', initializer: 'he' } as never }, /option "initializer"/],
      [{ data: { kind: 'tinyImageNet', side: 48 } as never }, /data\.side must be one of 64, 32, got 48/],
      [{ data: { kind: 'tinyImageNet', trainSize: 100_001 } }, /data\.trainSize/],
    ];
    for (const [change, message] of wrong) {
      assert.throws(
        () => resolveConfig({ ...SMALL, ...change }),
        (error: Error) => error instanceof OptionError && message.test(error.message),
      );
    }
  });
});

describe('a configuration', () => {
  test('has the defaults of the factories', () => {
    const before = tf.memory().numTensors;
    for (const kind of KINDS) {
      const written = resolveConfig({ ...SMALL, optimizer: kind }).optimizer;
      const [fromSchema, fromFactory] = [
        buildOptimizer(written),
        buildOptimizer({ kind } as OptimizerConfig),
      ];
      assert.deepEqual(fromSchema.getConfig(), fromFactory.getConfig(), kind);
      fromSchema.dispose();
      fromFactory.dispose();
    }
    assert.equal(tf.memory().numTensors, before);
  });

  const wrong: Array<[RegExp, object]> = [
    [/^optimizer \(sam\) has no option "eta"/, { optimizer: { kind: 'sam', eta: 0.01 } }],
    [/^optimizer\.kind must be one of .*"lookbehindSAM".*, got "lookbehind"/, { optimizer: 'lookbehind' }],
    [/^optimizer\.k must be a whole number.*>= 1.*got 0/, { optimizer: { kind: 'lookbehindSAM', k: 0 } }],
    [/^optimizer\.alpha must be .*"adaptive"/, { optimizer: { kind: 'lookbehindSAM', alpha: 'auto' } }],
    [/^optimizer\.base\.beta1 must be/, { optimizer: { kind: 'sam', base: { kind: 'adamw', beta1: 1 } } }],
    [
      /^optimizer\.momentum must be left out where base is given/,
      { optimizer: { kind: 'sam', momentum: 0, base: 'sgd' } },
    ],
    [/^optimizer\.nesterov must be false/, { optimizer: { kind: 'sgd', nesterov: true } }],
    [/^model\.hidden must be given/, { model: 'mlp' }],
    [/^model\.hidden\[1\] must be a whole number/, { model: { kind: 'mlp', hidden: [8, 0.5] } }],
    [/^data\.trainSize must be/, { data: { kind: 'digits', trainSize: 641 } }],
    [
      /^data\.evaluateOn must be one of "test", "selection"/,
      { data: { kind: 'digits', evaluateOn: 'freshTest' } },
    ],
    [/^schedule\.milestones must be/, { schedule: { kind: 'multiStep', milestones: [20, 10] } }],
    [
      /^measures must be a list in which each kind occurs once/,
      { measures: ['a', 'b'].map(() => ({ kind: 'sharpness', radii: [1] })) },
    ],
    [/^epochs must be given/, { epochs: undefined }],
    [/^the configuration has no option "epoch"\. Did you mean epochs\?$/, { epoch: 3 }],
  ];
  for (const [message, change] of wrong) {
    test(`is refused with ${message}`, () => {
      assert.throws(
        () => resolveConfig({ ...SMALL, ...change }),
        (error: Error) => error instanceof OptionError && message.test(error.message),
      );
    });
  }

  test('of any JSON is refused with an OptionError, or means the same when it is written out', () => {
    const path = fc.constantFrom(...pathsOf(RICH as unknown as Json));
    const value = fc.oneof(
      fc.jsonValue() as fc.Arbitrary<unknown>,
      fc.constantFrom(Number.NaN, Number.NEGATIVE_INFINITY, -0, undefined, 'kind'),
    );
    fc.assert(
      fc.property(path, value, (at, replacement) => {
        const config = withValue(RICH as unknown as Json, at, replacement);
        try {
          assert.equal(configHash(resolveConfig(config)), configHash(config));
        } catch (error) {
          assert.ok(error instanceof OptionError, String(error));
          assert.ok(error.message.includes(String(at[0])), error.message);
        }
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.jsonValue(), (config) => {
        assert.throws(() => resolveConfig(config), OptionError);
      }),
    );
  });
});

test('runs of one seed share initial weights, samples and their order, whatever the optimizer', async () => {
  const before = tf.memory().numTensors;
  const look = async (config: RunConfig) => {
    const { model, data, dispose } = await buildRun(config);
    const weights = model.getWeights().map((weight) => [...weight.dataSync()]);
    dispose();
    return { weights, labels: [...data.train.labels], inputs: [...data.train.values()] };
  };
  const [sam, sgd, other] = await Promise.all([
    look({ ...SMALL, optimizer: 'sam', seed: 1 }),
    look({ ...SMALL, optimizer: 'sgd', seed: 1 }),
    look({ ...SMALL, optimizer: 'sgd', seed: 2 }),
  ]);
  assert.deepEqual(sam, sgd);
  assert.notDeepEqual(sgd.weights, other.weights);
  assert.notDeepEqual(sgd.inputs, other.inputs);
  assert.equal(tf.memory().numTensors, before);
});

test('names of runs say what differs', () => {
  const names = (grid: object) => runNames(expandGrid({ ...SMALL, ...grid } as SweepGrid));
  assert.deepEqual(names({ optimizer: { kind: 'lookbehindSAM', k: 5 }, seeds: [3] }), [
    'lookbehindSAM k=5 α=0.5 seed 3',
  ]);
  assert.deepEqual(
    names({
      optimizer: [{ kind: 'sam', rho: [0.05, 0.1] }, { kind: 'lookbehindSAM', alpha: 'adaptive' }, 'sgd'],
    }),
    ['sam ρ=0.05 seed 0', 'sam ρ=0.1 seed 0', 'lookbehindSAM k=2 α=adaptive seed 0', 'sgd seed 0'],
  );
  const bases = [{ kind: 'sgd' }, { kind: 'sam', momentum: [0, 0.9] }];
  assert.deepEqual(names({ optimizer: { kind: 'lookahead', base: bases } }), [
    'lookahead over sgd k=5 α=0.5 seed 0',
    'lookahead over sam k=5 α=0.5 base.momentum=0 seed 0',
    'lookahead over sam k=5 α=0.5 base.momentum=0.9 seed 0',
  ]);
  // Labels, and what is not the optimizer's.
  const models = [{ kind: 'mlp', hidden: [[4, 4], [8]] }];
  assert.deepEqual(names({ optimizer: 'sgd', model: models, label: 'mine', epochs: [1, 2] }), [
    'mine hidden=4,4 epochs=1 seed 0',
    'mine hidden=4,4 epochs=2 seed 0',
    'mine hidden=8 epochs=1 seed 0',
    'mine hidden=8 epochs=2 seed 0',
  ]);
});
