import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OptionError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import { dequantize, quantization, quantize } from 'lookbehind/robustness';
import type { QuantizationOptions } from '../../lib/dist/robustness/quantization';
import { assertAllClose, drawnSite, kernel, tensorForm } from './support';

const options = fc.record({
  bits: fc.integer({ min: 2, max: 8 }),
  scheme: fc.constantFrom('symmetric', 'asymmetric'),
  per: fc.constantFrom('tensor', 'channel'),
}) as fc.Arbitrary<QuantizationOptions>;

// Numbers too small for full float32 precision are left out: they cannot be halved.
const weights = fc
  .array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: 12, maxLength: 12 })
  .map((values) => Float32Array.from(values, (w) => (Math.abs(w) < 1e-30 ? 0 : w)));

const tensor = kernel(3, 4);

describe('quantization', () => {
  it('moves no weight by more than half a step, and no zero at all', () => {
    fc.assert(
      fc.property(weights, options, (w, settings) => {
        const quantized = quantize(w, tensor, settings);
        const back = dequantize(quantized);
        w.forEach((value, i) => {
          const step = quantized.scales[i % quantized.scales.length];
          assert.ok(
            Math.abs(back[i] - value) <= (step / 2) * (1 + 1e-3),
            `${value} became ${back[i]} at step ${step}`,
          );
          if (value === 0) assert.equal(back[i] === 0, true);
        });
      }),
    );
  });

  it('uses codes of the given number of bits only', () => {
    fc.assert(
      fc.property(weights, options, (w, settings) => {
        const { codes, signed } = quantize(w, tensor, settings);
        const highest = signed ? 2 ** (settings.bits - 1) - 1 : 2 ** settings.bits - 1;
        assert.ok(codes.every((code) => code <= highest && code >= (signed ? -highest : 0)));
      }),
    );
  });

  it('changes nothing when repeated', () => {
    fc.assert(
      fc.property(weights, options, (w, settings) => {
        const once = dequantize(quantize(w, tensor, settings));
        const twice = dequantize(quantize(once, tensor, settings));
        assertAllClose(twice, once, 4e-6, 'twice');
        if (settings.scheme === 'symmetric') assert.deepEqual(twice, once);
      }),
      {
        examples: [
          [
            Float32Array.from([-3.9999947547912598, 3.9999947547912598, ...new Array(10).fill(0)]),
            { bits: 4, scheme: 'asymmetric', per: 'tensor' },
          ],
        ],
      },
    );
  });

  it('equals a table made by hand', () => {
    const symmetric = quantize(Float32Array.from([-1, -0.5, 0, 0.3, 0.7, 3]), kernel(6), { bits: 3 });
    assert.deepEqual([...symmetric.codes], [-1, 0, 0, 0, 1, 3]);
    assert.deepEqual([...dequantize(symmetric)], [-1, 0, 0, 0, 1, 3]);
    const asymmetric = quantize(Float32Array.from([-1, 0, 1.2, 2]), kernel(4), {
      bits: 2,
      scheme: 'asymmetric',
    });
    assert.deepEqual([...asymmetric.codes], [0, 1, 2, 3]);
    assert.deepEqual([...dequantize(asymmetric)], [-1, 0, 1, 2]);
  });

  it('gives each output channel, or each row of an embedding, its own scale', () => {
    const w = Float32Array.from([1, 10, 2, 20, 3, 30]);
    assert.deepEqual([...quantize(w, kernel(3, 2), { bits: 3, per: 'channel' }).scales], [1, 10]);
    const embedding = { role: 'embedding', shape: [3, 2] } as const;
    assert.deepEqual([...quantize(w, embedding, { bits: 2, per: 'channel' }).scales], [10, 20, 30]);
    assert.deepEqual([...quantize(w, kernel(3, 2), { bits: 2 }).scales], [30]);
  });

  it('clips, and lays the range up to the clip', () => {
    const { values } = quantization({ bits: 8, clip: 1 }).apply(
      Float32Array.from([5, -5, 0.5]),
      drawnSite(kernel(3)),
    );
    assertAllClose(values, [1, -1, 0.5], 0.5 / 127, 'clipped');
    assert.equal(values[0], 1);
  });

  it('equals its tensor form, whose gradient passes straight through inside the clip', () => {
    const random = new Random(3, 'weights');
    const w = random.normals(24);
    const site = drawnSite(kernel(2, 3, 4));
    for (const scheme of ['symmetric', 'asymmetric'] as const) {
      for (const per of ['tensor', 'channel'] as const) {
        for (const clip of [undefined, 0.8]) {
          const noise = quantization({ bits: 4, scheme, per, clip });
          const { values, gradient } = tensorForm(noise, w, site);
          assertAllClose(values, noise.apply(w, site).values, 1e-6, noise.name);
          assert.deepEqual(
            [...gradient],
            Array.from(w, (x) => (clip === undefined || Math.abs(x) <= clip ? 1 : 0)),
          );
        }
      }
    }
  });

  it('equals its tensor form also where weights lie halfway between two codes', () => {
    for (const scheme of ['symmetric', 'asymmetric'] as const) {
      for (const bits of [2, 3, 4, 8]) {
        const highest = scheme === 'symmetric' ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
        for (const step of [1, 0.1, 0.7 / 127, 1 / 3, 3e-5]) {
          const halves = Array.from({ length: 2 * highest + 1 }, (_, i) => (i / 2) * step);
          const w = Float32Array.from([...halves, ...halves.map((x) => (scheme === 'symmetric' ? -x : x))]);
          const noise = quantization({ bits, scheme });
          const site = drawnSite(kernel(w.length));
          assertAllClose(
            tensorForm(noise, w, site).values,
            noise.apply(w, site).values,
            0.01 * step,
            `${noise.name}, ${step}`,
          );
        }
      }
    }
    const { codes } = quantize(
      Float32Array.from([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3].map((x) => 0.1 * x)),
      kernel(7),
      {
        bits: 3,
      },
    );
    assert.deepEqual([...codes], [0, 2, 2, 0, -2, -2, 3]);
  });

  it('keeps what is not a number visible, in both forms alike', () => {
    for (const scheme of ['symmetric', 'asymmetric'] as const) {
      for (const [bad, clip, expected] of [
        [Number.NaN, undefined, Number.NaN],
        [Number.NaN, 1, Number.NaN],
        [Number.POSITIVE_INFINITY, undefined, Number.NaN],
        [Number.NEGATIVE_INFINITY, undefined, Number.NaN],
        [Number.POSITIVE_INFINITY, 1, 1],
      ] as const) {
        // Columns are the output channels: only the first has the bad weight.
        const w = Float32Array.from([bad, 1, -1, -1, 0, 0]);
        const site = drawnSite(kernel(3, 2));
        const noise = quantization({ bits: 4, scheme, per: 'channel', clip });
        for (const values of [noise.apply(w, site).values, tensorForm(noise, w, site).values]) {
          const first = [0, 2, 4].map((i) => values[i]);
          if (Number.isNaN(expected))
            assert.deepEqual(first, [Number.NaN, Number.NaN, Number.NaN], noise.name);
          else assertAllClose(Float32Array.from(first), [1, -1, 0], 0.2, noise.name);
          assertAllClose(Float32Array.of(values[1], values[3]), [1, -1], 0.1, noise.name);
        }
        const all = quantization({ bits: 4, scheme, clip });
        const [plain, tensors] = [all.apply(w, site).values, tensorForm(all, w, site).values];
        for (const values of [plain, tensors])
          assert.equal(values.every(Number.isNaN), Number.isNaN(expected), all.name);
      }
    }
  });

  it('keeps an all-zero tensor', () => {
    for (const scheme of ['symmetric', 'asymmetric'] as const) {
      const zeros = new Float32Array(12);
      assert.deepEqual(dequantize(quantize(zeros, tensor, { bits: 4, scheme, per: 'channel' })), zeros);
    }
  });

  it('refuses bits outside 2 to 8', () => {
    for (const bits of [1, 9, 4.5]) assert.throws(() => quantization({ bits }), OptionError);
  });
});
