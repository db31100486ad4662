/**
 * Whole networks against PyTorch: imported weights, logits, loss, gradients and running statistics; and
 * exported weights.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile, crossEntropy, setBatchNormConvention } from 'lookbehind/compile';
import type { TensorFile } from 'lookbehind/models';
import * as models from 'lookbehind/models';
import { withBatchNormUpdates } from '../../lib/dist/core/batchNorm';
import { encodeSafetensors, parseSafetensors, storedFloats } from '../../lib/dist/files/safetensors';

const NETWORKS: Record<string, () => tf.LayersModel> = {
  resnet20: () => models.resNet({ depth: 20, width: 2, inputs: [12, 12, 3], classes: 5 }),
  resnet50: () => models.resNet({ depth: 50, width: 2, inputs: [12, 12, 3], classes: 5 }),
  wrn10: () => models.wideResNet({ depth: 10, widen: 2, width: 2, inputs: [13, 12, 3], classes: 5 }),
  vit: () =>
    models.vit({
      inputs: [12, 12, 3],
      patchSize: 4,
      width: 12,
      depth: 2,
      heads: 3,
      mlpWidth: 20,
      classes: 5,
    }),
};

function content(name: string): Buffer {
  return readFileSync(join(__dirname, '..', 'golden', 'models', `${name}.safetensors`));
}

/** ||actual - expected|| / ||expected|| */
function distance(actual: Float32Array, expected: Float32Array): number {
  assert.equal(actual.length, expected.length);
  const norm = (list: number[]): number => Math.hypot(...list);
  return norm(Array.from(actual, (value, i) => value - expected[i])) / norm([...expected]);
}

/**
 * Logits in evaluation mode; loss and gradients in training mode, at one compiled call. Disposes nothing of
 * the model.
 */
function evaluate(model: tf.LayersModel, { tensors }: TensorFile): Record<string, Float32Array> {
  const inputs = tensors.get('inputs')!;
  const [n, channels, height, width] = inputs.shape;
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const labels = tf.tensor1d(storedFloats(tensors.get('labels')!), 'int32');
  const xs = tf.tidy(() =>
    tf.transpose(tf.tensor4d(storedFloats(inputs), [n, channels, height, width]), [0, 2, 3, 1]),
  );
  const results: Record<string, Float32Array> = {};
  const logits = model.predict(xs) as tf.Tensor;
  results['logits.eval'] = logits.dataSync() as Float32Array;
  const step = compile((x: tf.Tensor, y: tf.Tensor) => {
    const forward = (): tf.Tensor => model.apply(x, { training: true }) as tf.Tensor;
    const { value, grads } = tf.variableGrads(() => crossEntropy(y, forward()), variables);
    return { loss: value, logits: withBatchNormUpdates(0, forward), grads };
  });
  const { loss, logits: trained, grads } = step(xs, labels);
  results.loss = loss.dataSync() as Float32Array;
  results['logits.train'] = trained.dataSync() as Float32Array;
  // Gradients have the shapes of their weights, so the weights' way to PyTorch is theirs too.
  const [state, before] = [models.stateDict(model), model.getWeights().map((weight) => weight.clone())];
  for (const variable of variables) variable.assign(grads[variable.name]);
  for (const [name, tensor] of models.stateDict(model)) {
    if (/running_/.test(name)) results[`after.${name}`] = storedFloats(state.get(name)!);
    else if (!/tracked/.test(name)) results[`gradient.${name}`] = storedFloats(tensor);
  }
  model.setWeights(before);
  tf.dispose([xs, labels, logits, loss, trained, grads, before]);
  step.dispose();
  return results;
}

for (const [name, build] of Object.entries(NETWORKS)) {
  test(`${name}: outputs, loss, gradients and running statistics of PyTorch's weights are PyTorch's`, () => {
    const before = tf.memory().numTensors;
    const model = build();
    setBatchNormConvention(model, 'pytorch');
    const state = parseSafetensors(content(`${name}.state`));
    const { batchesTracked } = models.loadStateDict(model, state.tensors);
    assert.equal(batchesTracked, name === 'vit' ? undefined : 7);
    const exported = models.stateDict(model, { batchesTracked });
    if (state.tensors.get('conv1.weight')?.dtype === 'F16') {
      for (const [key, tensor] of state.tensors)
        assert.deepEqual(storedFloats(exported.get(key)!), storedFloats(tensor));
    } else {
      // The file that PyTorch wrote, byte for byte.
      assert.ok(Buffer.from(encodeSafetensors(exported, state.metadata)).equals(content(`${name}.state`)));
    }

    const check = parseSafetensors(content(`${name}.check`));
    const results = evaluate(model, check);
    const expected = [...check.tensors.keys()].filter((key) => key !== 'inputs' && key !== 'labels');
    if (name !== 'resnet50') assert.equal(expected.length, Object.keys(results).length);
    // Rounding adds up over 50 layers: float32 in PyTorch is up to 4e-5 off, too.
    const tolerance = name === 'resnet50' ? 5e-4 : 5e-5;
    for (const key of expected) {
      const off = distance(results[key], storedFloats(check.tensors.get(key)!));
      assert.ok(off < tolerance, `${key} is off by ${off}`);
    }
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
  });
}
