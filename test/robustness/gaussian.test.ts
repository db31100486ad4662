import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { additiveNoise, gaussianNoise } from 'lookbehind/robustness';
import { assertAllClose, assertNormal, drawnSite, kernel, tensorForm } from './support';

const tensor = kernel(200, 100);
const size = 20_000;

describe('gaussianNoise', () => {
  it('has mean w and standard deviation sigma * |w|', () => {
    for (const w of [0.7, -3]) {
      const { values } = gaussianNoise({ sigma: 0.4 }).apply(
        new Float32Array(size).fill(w),
        drawnSite(tensor),
      );
      assertNormal(values, w, 0.4 * Math.abs(w), `w = ${w}`);
    }
  });

  it('leaves zero weights and, at sigma 0, all weights as they are', () => {
    const weights = Float32Array.from({ length: size }, (_, i) => i / size);
    assert.deepEqual(gaussianNoise({ sigma: 0 }).apply(weights, drawnSite(tensor)).values, weights);
    assert.equal(gaussianNoise({ sigma: 0 }).changesNothing, true);
    assert.equal(gaussianNoise({ sigma: 0.5 }).apply(weights, drawnSite(tensor)).values[0], 0);
  });

  it('has the gradient 1 + sigma * z in tensor form, and equal values', () => {
    const site = drawnSite(kernel(4, 3));
    const weights = Float32Array.from({ length: 12 }, (_, i) => i - 5);
    const noise = gaussianNoise({ sigma: 0.3 });
    const { values, gradient } = tensorForm(noise, weights, site);
    assertAllClose(values, noise.apply(weights, site).values, 1e-6, 'values');
    assertAllClose(
      gradient,
      site.normals('gaussian').map((z) => 1 + 0.3 * z),
      1e-6,
      'gradient',
    );
  });

  it('refuses a negative sigma and unknown options', () => {
    assert.throws(() => gaussianNoise({ sigma: -0.1 }), OptionError);
    assert.throws(() => gaussianNoise({ sigma: 0.1, relativeTo: 'rms' } as never), OptionError);
  });
});

describe('additiveNoise', () => {
  const weights = Float32Array.from({ length: size }, (_, i) => (i % 2 === 0 ? 0.5 : -2));
  const rms = Math.sqrt((0.25 + 4) / 2);

  for (const [relativeTo, scale] of [
    ['maximum', 2],
    ['rms', rms],
    ['none', 1],
  ] as const) {
    it(`has standard deviation sigma * scale, relative to ${relativeTo}`, () => {
      const { values } = additiveNoise({ sigma: 0.1, relativeTo }).apply(weights, drawnSite(tensor));
      assertNormal(
        values.map((w, i) => w - weights[i]),
        0,
        0.1 * scale,
        relativeTo,
      );
    });

    it(`has the gradient 1 in tensor form and equal values, relative to ${relativeTo}`, () => {
      const site = drawnSite(kernel(2, 3));
      const few = weights.slice(0, 6);
      const noise = additiveNoise({ sigma: 0.1, relativeTo });
      const { values, gradient } = tensorForm(noise, few, site);
      assertAllClose(values, noise.apply(few, site).values, 1e-6, 'values');
      assert.deepEqual(gradient, new Float32Array(6).fill(1));
    });
  }

  it('keeps an all-zero tensor at zero, relative to its own weights', () => {
    const { values } = additiveNoise({ sigma: 1 }).apply(new Float32Array(6), drawnSite(kernel(2, 3)));
    assert.deepEqual(values, new Float32Array(6));
  });
});
