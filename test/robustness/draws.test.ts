import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { Random } from 'lookbehind/extend';
import * as models from 'lookbehind/models';
import {
  additiveNoise,
  bitErrors,
  composeNoise,
  gaussianNoise,
  kernelsAndEmbeddings,
  NoiseDraw,
  onlyOn,
  quantization,
} from 'lookbehind/robustness';
import { isDifferentiable } from '../../lib/dist/robustness/noise';
import { weightRole, weightTensors } from '../../lib/dist/robustness/tensors';
import { drawnSite, kernel, moments } from './support';

describe('NoiseDraw', () => {
  it('gives the same numbers whatever the order of calls and the name of the tensor', () => {
    const draw = new NoiseDraw(5, 2);
    const first = draw.site(kernel(3, 4)).normals('a');
    const other = new NoiseDraw(5, 2);
    other.site(kernel(9, 9)).normals('b');
    other.site(kernel(3, 4)).uniforms('a');
    assert.deepEqual(other.site({ ...kernel(3, 4), name: 'another_model/kernel_7' }).normals('a'), first);
  });

  it('gives other numbers to another seed, draw, role, ordinal, shape, stream or distribution', () => {
    const all = [
      new NoiseDraw(0, 0).site(kernel(3, 4)).normals('a'),
      new NoiseDraw(1, 0).site(kernel(3, 4)).normals('a'),
      new NoiseDraw(0, 1).site(kernel(3, 4)).normals('a'),
      new NoiseDraw(0, 0).site({ ...kernel(3, 4), role: 'embedding' }).normals('a'),
      new NoiseDraw(0, 0).site({ ...kernel(3, 4), ordinal: 1 }).normals('a'),
      new NoiseDraw(0, 0).site(kernel(4, 3)).normals('a'),
      new NoiseDraw(0, 0).site(kernel(3, 4)).normals('b'),
      new NoiseDraw(0, 0).site(kernel(3, 4)).uniforms('a'),
    ];
    assert.equal(new Set(all.map((numbers) => numbers.join())).size, all.length);
  });

  it('draws standard normal and uniform numbers, independent between draws', () => {
    const n = 20_000;
    const a = new NoiseDraw(0, 0).site(kernel(n)).normals('a');
    const b = new NoiseDraw(0, 1).site(kernel(n)).normals('a');
    assert.ok(Math.abs(moments(a).mean) < 5 / Math.sqrt(n));
    assert.ok(Math.abs(moments(a).std - 1) < 5 / Math.sqrt(2 * n));
    assert.ok(Math.abs(moments(a.map((z, i) => z * b[i])).mean) < 5 / Math.sqrt(n));
    const u = new NoiseDraw(0, 0).site(kernel(n)).uniforms('a');
    assert.ok(Math.abs(moments(u).mean - 0.5) < 5 / Math.sqrt(12 * n));
    assert.ok(u.every((x) => x >= 0 && x < 1));
  });

  it('draws no uniform number that float32 rounds to 1', () => {
    const random = new Random(0);
    random.restore({ generator: [0, -1, 0, 0], spareNormal: null });
    const { generator } = random.save();
    assert.equal(Math.fround(random.uniform()), 1);
    random.restore({ generator, spareNormal: null });
    assert.equal(random.uniforms(1)[0], 1 - 2 ** -24);
  });

  it('gives the same numbers in another process with another number of threads', () => {
    const script = `
      const { NoiseDraw, gaussianNoise } = require('lookbehind/robustness');
      const tensor = { name: 'k', role: 'kernel', ordinal: 0, shape: [5, 7] };
      const { values } = gaussianNoise({ sigma: 0.3 }).apply(new Float32Array(35).fill(1), new NoiseDraw(11, 3).site(tensor));
      process.stdout.write(Buffer.from(values.buffer).toString('hex'));`;
    const elsewhere = execFileSync(process.execPath, ['-e', script], {
      encoding: 'utf8',
      env: { ...process.env, TF_NUM_INTRAOP_THREADS: '1', OMP_NUM_THREADS: '1', NODE_OPTIONS: '' },
    });
    const { values } = gaussianNoise({ sigma: 0.3 }).apply(
      new Float32Array(35).fill(1),
      drawnSite(kernel(5, 7), 11, 3),
    );
    assert.equal(elsewhere, Buffer.from(values.buffer).toString('hex'));
  });
});

describe('composeNoise', () => {
  const weights = Float32Array.from({ length: 12 }, (_, i) => i - 6);
  const site = drawnSite(kernel(3, 4));

  it('applies one noise after the other', () => {
    const both = composeNoise(quantization({ bits: 3 }), gaussianNoise({ sigma: 0.2 })).apply(
      weights,
      site,
    ).values;
    const quantized = quantization({ bits: 3 }).apply(weights, site).values;
    assert.deepEqual(both, gaussianNoise({ sigma: 0.2 }).apply(quantized, site).values);
  });

  it('gives noises of the same kind different numbers, so that variances add up', () => {
    const n = 20_000;
    const big = drawnSite(kernel(n));
    const ones = new Float32Array(n).fill(1);
    const noise = additiveNoise({ sigma: 0.3, relativeTo: 'none' });
    const { std } = moments(composeNoise(noise, noise).apply(ones, big).values);
    assert.ok(Math.abs(std - 0.3 * Math.SQRT2) < 0.01, `standard deviation ${std}`);
  });

  it('does so, too, where one of them is inside a composed noise', () => {
    const n = 20_000;
    const big = drawnSite(kernel(n));
    const ones = new Float32Array(n).fill(1);
    const noise = additiveNoise({ sigma: 0.3, relativeTo: 'none' });
    const other = gaussianNoise({ sigma: 0 });
    for (const composed of [
      composeNoise(composeNoise(noise, other), noise),
      composeNoise(noise, composeNoise(other, noise)),
      composeNoise(other, composeNoise(noise, noise)),
    ]) {
      const { std } = moments(composed.apply(ones, big).values);
      assert.ok(Math.abs(std - 0.3 * Math.SQRT2) < 0.01, `standard deviation ${std}`);
    }
  });

  it('adds up bit counts and stays differentiable only where all stages are', () => {
    const noisy = composeNoise(gaussianNoise({ sigma: 0.1 }), bitErrors({ rate: 0.1 })).apply(weights, site);
    assert.equal(noisy.bits?.stored, 12 * 8);
    const { perturb: _, ...withoutGradient } = bitErrors({ rate: 0.1 });
    assert.equal(isDifferentiable(composeNoise(gaussianNoise({ sigma: 0.1 }), withoutGradient)), false);
    assert.equal(
      isDifferentiable(composeNoise(gaussianNoise({ sigma: 0.1 }), quantization({ bits: 4 }))),
      true,
    );
  });

  it('leaves the tensors that onlyOn does not choose as they are', () => {
    const noise = onlyOn(({ ordinal }) => ordinal === 1, gaussianNoise({ sigma: 0.5 }));
    assert.deepEqual(noise.apply(weights, site).values, weights);
    assert.notDeepEqual(noise.apply(weights, drawnSite({ ...kernel(3, 4), ordinal: 1 })).values, weights);
  });
});

describe('weightTensors', () => {
  it('tells kernels, biases, gamma and beta apart and leaves moving statistics out', () => {
    const model = models.convNet({
      inputs: [8, 8, 1],
      filters: [2],
      classes: 3,
      batchNorm: true,
      name: 'roles',
    });
    const found = weightTensors(model).map(({ role, ordinal }) => `${role} ${ordinal}`);
    assert.deepEqual(found, ['kernel 0', 'gamma 0', 'beta 0', 'kernel 1', 'bias 0']);
    assert.deepEqual(
      weightTensors(model)
        .filter(kernelsAndEmbeddings)
        .map(({ shape }) => shape),
      [
        [3, 3, 1, 2],
        [32, 3],
      ],
    );
    model.dispose();
  });

  it('sees through the numbers that tf.js adds to names', () => {
    assert.equal(weightRole('net/dense1/kernel_12'), 'kernel');
    assert.equal(weightRole('depthwise_kernel_1'), 'kernel');
    assert.equal(weightRole('embedding/embeddings'), 'embedding');
    assert.equal(weightRole('norm/gamma_3'), 'gamma');
    assert.equal(weightRole('log_temperature'), 'other');
  });
});
