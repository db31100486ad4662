import 'lookbehind/compile';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { OptionError, StateMismatchError } from 'lookbehind/errors';
import * as models from 'lookbehind/models';
import {
  encodeSafetensors,
  parseSafetensors,
  type StoredTensor,
  storedFloats,
  storeFloats,
} from '../../lib/dist/files/safetensors';

/** Gives every weight random values, moving statistics too. */
function randomize(model: tf.LayersModel): void {
  tf.tidy(() =>
    model.setWeights(
      model.getWeights().map(({ shape }, i) => tf.randomUniform(shape, 0.1, 1, 'float32', i + 1)),
    ),
  );
}

function values(model: tf.LayersModel): number[][] {
  return model.getWeights().map((weight) => [...weight.dataSync()]);
}

const MODELS: Record<string, () => tf.LayersModel> = {
  mlp: () => models.mlp({ inputs: [2, 2, 3], hidden: [5], classes: 3, batchNorm: true, dropout: 0.1 }),
  signals: () =>
    models.convNet({ inputs: [8, 2], filters: [3, 4], hidden: [5], classes: 3, batchNorm: true }),
  images: () => models.convNet({ inputs: [8, 6, 2], filters: [3, 4], hidden: [5], classes: 3, dropout: 0.1 }),
  resNet: () => models.resNet({ depth: 20, width: 2, classes: 3 }),
  wideResNet: () => models.wideResNet({ depth: 10, widen: 1, width: 3, classes: 3, dropout: 0.2 }),
  vit: () => models.vit({ inputs: [8, 8, 3], width: 6, depth: 1, heads: 2, classes: 3, dropout: 0.2 }),
};

for (const [name, build] of Object.entries(MODELS)) {
  test(`${name}: weights survive the way to a file and back, bit for bit`, () => {
    const before = tf.memory().numTensors;
    const [model, other] = [build(), build()];
    randomize(model);
    const file = encodeSafetensors(models.stateDict(model));
    models.loadStateDict(other, parseSafetensors(file).tensors);
    assert.deepEqual(values(other), values(model));
    for (const each of [model, other]) each.dispose();
    assert.equal(tf.memory().numTensors, before);
  });
}

/** What a torch.nn.Linear gives: y = x weight' + bias. */
function linear(dict: models.StateDict, name: string, x: number[]): number[] {
  const weight = storedFloats(dict.get(`${name}.weight`)!);
  return [...storedFloats(dict.get(`${name}.bias`)!)].map((b, unit) =>
    x.reduce((sum, value, i) => sum + value * weight[unit * x.length + i], b),
  );
}

test('a dense layer behind an image has the input order of PyTorch, channels first', () => {
  const model = models.mlp({ inputs: [3, 2, 4], hidden: [], classes: 2 });
  const dict = models.stateDict(model);
  assert.deepEqual([...dict.keys()], ['logits.weight', 'logits.bias']);
  const image = tf.randomNormal([1, 3, 2, 4], 0, 1, 'float32', 5);
  const logits = model.predict(image) as tf.Tensor;
  const channelsFirst = [...image.transpose([0, 3, 1, 2]).dataSync()];
  linear(dict, 'logits', channelsFirst).forEach((value, i) => {
    assert.ok(Math.abs(value - logits.dataSync()[i]) < 1e-5);
  });
  model.dispose();
});

test('convolutions have the layout of PyTorch', () => {
  const model = models.convNet({
    inputs: [4, 4, 2],
    filters: [3],
    kernelSize: 3,
    classes: 2,
    name: 'layout',
  });
  const kernel = model.getLayer('layout/conv1').getWeights()[0].arraySync() as number[][][][];
  const stored = models.stateDict(model).get('conv1.weight')!;
  assert.deepEqual(stored.shape, [3, 2, 3, 3]);
  const weight = storedFloats(stored);
  for (const [o, i, y, x] of [
    [0, 0, 0, 0],
    [2, 1, 0, 2],
    [1, 0, 2, 1],
  ]) {
    assert.equal(weight[((o * 2 + i) * 3 + y) * 3 + x], kernel[y][x][i][o]);
  }
  model.dispose();
});

test('projections of shortcuts are the modules of a nn.Sequential, and BatchNorm has its counter', () => {
  const model = models.resNet({ depth: 20, width: 1, classes: 3 });
  const dict = models.stateDict(model, { batchesTracked: 12 });
  assert.deepEqual(
    [...dict.keys()].filter((name) => name.startsWith('layer2.0.shortcut')),
    ['weight', 'weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map(
      (weight, i) => `layer2.0.shortcut.${Math.min(i, 1)}.${weight}`,
    ),
  );
  const counter = dict.get('bn1.num_batches_tracked')!;
  assert.deepEqual([counter.dtype, counter.shape, storedFloats(counter)[0]], ['I64', [], 12]);
  // Files of old PyTorch have no counters.
  for (const name of [...dict.keys()]) if (name.endsWith('tracked')) dict.delete(name);
  assert.equal(models.loadStateDict(model, dict).batchesTracked, undefined);
  model.dispose();
});

test('half precision is read', () => {
  const model = models.mlp({ inputs: 2, hidden: [], classes: 1 });
  const halves = (numbers: number[], shape: number[]): StoredTensor => ({
    dtype: 'F16',
    shape,
    bytes: new Uint8Array(Uint16Array.from(numbers).buffer),
  });
  models.loadStateDict(
    model,
    new Map([
      ['logits.weight', halves([0x3c00, 0xc000], [1, 2])],
      ['logits.bias', halves([0x3800], [1])],
    ]),
  );
  assert.deepEqual(values(model), [[1, -2], [0.5]]);
  model.dispose();
});

test('names can be changed, and layers can keep their weights', () => {
  const [source, target] = [5, 3].map((classes) =>
    models.vit({ inputs: [8, 8, 3], width: 6, depth: 1, heads: 2, classes, seed: classes }),
  );
  const dict = new Map([...models.stateDict(source)].map(([name, tensor]) => [`module.${name}`, tensor]));
  const head = models.stateDict(target).get('head.weight')!;
  models.loadStateDict(target, dict, { rename: (name) => name.replace(/^module\./, ''), keep: ['head.'] });
  const loaded = models.stateDict(target);
  assert.deepEqual(loaded.get('head.weight'), head);
  for (const [name, tensor] of models.stateDict(source))
    if (!name.startsWith('head.')) assert.deepEqual(loaded.get(name), tensor);
  assert.throws(
    () => models.loadStateDict(target, dict, { rename: () => 'norm.bias' }),
    /Two tensors of the state dictionary are for norm.bias/,
  );
  for (const model of [source, target]) model.dispose();
});

test('what does not fit is refused by name, and nothing is changed', () => {
  const model = models.mlp({ inputs: 3, hidden: [2], classes: 2, name: 'strict' });
  const before = values(model);
  const good = models.stateDict(model);
  for (const [name, tensor] of good)
    good.set(name, { ...tensor, bytes: new Uint8Array(tensor.bytes.length) });
  const refused = (change: (dict: Map<string, StoredTensor>) => void, message: RegExp): void => {
    const dict = new Map(good);
    change(dict);
    assert.throws(
      () => models.loadStateDict(model, dict),
      (error: Error) => {
        assert.ok(error instanceof StateMismatchError);
        assert.match(error.message, message);
        return true;
      },
    );
    assert.deepEqual(values(model), before);
  };
  refused((dict) => dict.delete('dense1.bias'), /model strict: dense1.bias is missing\.$/);
  refused((dict) => dict.set('fc.bias', good.get('dense1.bias')!), /fc.bias has no place in the model/);
  refused(
    (dict) => dict.set('logits.weight', storeFloats(new Float32Array(6), [3, 2])),
    /logits.weight is \[3,2\], expected \[2,2\]/,
  );
  refused((dict) => {
    for (const name of [...dict.keys()]) dict.delete(name);
    for (let i = 0; i < 3; i++) dict.set(`x${i}`, good.get('dense1.bias')!);
  }, /dense1.weight is missing; .* and 2 more\.$/);
  model.dispose();

  const unknown = tf.sequential({
    layers: [tf.layers.depthwiseConv2d({ kernelSize: 1, inputShape: [2, 2, 1] })],
  });
  assert.throws(
    () => models.stateDict(unknown),
    (error: Error) => error instanceof OptionError && /depthwise.*, a DepthwiseConv2D/.test(error.message),
  );
  unknown.dispose();
});

test('positions of a ViT are interpolated for another number of patches', () => {
  const build = (side: number) =>
    models.vit({ inputs: [side, side, 3], patchSize: 4, width: 4, depth: 1, heads: 2, classes: 3 });
  const [small, large] = [build(8), build(16)];
  const dict = models.stateDict(small);
  const positions = Float32Array.from({ length: 20 }, (_, i) => Math.floor(i / 4));
  dict.set('pos_embed', storeFloats(positions, [1, 5, 4]));
  const resized = models.resizePositions(dict, [4, 4]);
  models.loadStateDict(large, resized);
  const tokens = storedFloats(resized.get('pos_embed')!).filter((_, i) => i % 4 === 0);
  // That of the class token, then a plane from 1 to 4: constant beyond the centers of the old patches.
  const along = [0, 0.25, 0.75, 1];
  assert.deepEqual([...tokens], [0, ...along.flatMap((y) => along.map((x) => 1 + 2 * y + x))]);
  assert.deepEqual(storedFloats(models.resizePositions(dict, [2, 2]).get('pos_embed')!), positions);
  assert.throws(() => models.resizePositions(dict, [2, 2], [3, 1]), OptionError);
  assert.throws(() => models.resizePositions(new Map(), [2, 2]), OptionError);
  for (const model of [small, large]) model.dispose();
});
