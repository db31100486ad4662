import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { Random } from 'lookbehind/extend';
import { bitErrors, quantization, quantize } from 'lookbehind/robustness';
import type { BitErrorOptions } from '../../lib/dist/robustness/bitErrors';
import { assertClose, drawnSite, fixedSite, kernel } from './support';

const tensor = kernel(100, 200);
const weights = new Random(1, 'weights').normals(20_000);

function codesOf(
  options: BitErrorOptions,
  seed = 0,
): { before: Int16Array; after: Int16Array; values: Float32Array } {
  const quantized = quantize(weights, tensor, { bits: 8, scheme: 'asymmetric' });
  const { values } = bitErrors(options).apply(weights, drawnSite(tensor, seed));
  const after = Int16Array.from(values, (w) => Math.round(w / quantized.scales[0]) + quantized.zeroPoints[0]);
  return { before: quantized.codes, after, values };
}

describe('bitErrors', () => {
  it('flips as many bits as the binomial distribution says', () => {
    for (const rate of [0.001, 0.01, 0.1]) {
      const { bits } = bitErrors({ rate }).apply(weights, drawnSite(tensor));
      const { flipped, stored } = bits ?? { flipped: Number.NaN, stored: 0 };
      assert.equal(stored, 8 * weights.length);
      assertClose(flipped, rate * stored, 5 * Math.sqrt(stored * rate * (1 - rate)), `flips at rate ${rate}`);
    }
  });

  it('flips every bit position equally often', () => {
    const rate = 0.05;
    const { before, after } = codesOf({ rate });
    for (let bit = 0; bit < 8; bit++) {
      const flips = before.reduce((count, code, i) => count + (((code ^ after[i]) >> bit) & 1), 0);
      assertClose(
        flips,
        rate * before.length,
        5 * Math.sqrt(before.length * rate * (1 - rate)),
        `flips of bit ${bit}`,
      );
    }
  });

  it('counts the bits that differ', () => {
    const { before, after } = codesOf({ rate: 0.03 });
    const { bits } = bitErrors({ rate: 0.03 }).apply(weights, drawnSite(tensor));
    const differing = before.reduce(
      (count, code, i) => count + (code ^ after[i]).toString(2).replace(/0/g, '').length,
      0,
    );
    assert.equal(bits?.flipped, differing);
  });

  it('is quantization at rate 0, and the bitwise complement at rate 1', () => {
    const { values } = quantization({ bits: 8, scheme: 'asymmetric' }).apply(weights, drawnSite(tensor));
    assert.deepEqual(bitErrors({ rate: 0 }).apply(weights, drawnSite(tensor)).values, values);
    const { before, after } = codesOf({ rate: 1 });
    assert.deepEqual(
      after,
      before.map((code) => 255 - code),
    );
  });

  it('fails at a low rate only where it fails at a higher one', () => {
    const low = codesOf({ rate: 0.01 });
    const high = codesOf({ rate: 0.05 });
    assert.ok(low.before.every((code, i) => ((code ^ low.after[i]) & ~(code ^ high.after[i])) === 0));
  });

  it('spares protected bits and bits that are not exposed', () => {
    const changed = (options: BitErrorOptions): number => {
      const { before, after } = codesOf(options);
      return before.reduce((union, code, i) => union | (code ^ after[i]), 0);
    };
    assert.equal(changed({ rate: 0.3, protectedBits: 3 }), 0b00011111);
    assert.equal(changed({ rate: 0.3, positions: 'mostSignificant' }), 0b10000000);
    assert.equal(changed({ rate: 0.3, positions: 'leastSignificant' }), 0b00000001);
    assert.equal(changed({ rate: 0.3, positions: [1, 4] }), 0b00010010);
    assert.throws(
      () => bitErrors({ rate: 0.1, positions: 'mostSignificant', protectedBits: 1 }),
      OptionError,
    );
  });

  it('reads stuck bits as 0 or 1 whatever is stored', () => {
    assert.ok(codesOf({ rate: 1, fault: 'stuckAt0' }).after.every((code) => code === 0));
    assert.ok(codesOf({ rate: 1, fault: 'stuckAt1' }).after.every((code) => code === 255));
    const { before, after } = codesOf({ rate: 0.2, fault: 'stuckAt0' });
    assert.ok(
      before.every((code, i) => (after[i] & ~code) === 0),
      'no 0 became 1',
    );
  });

  it('reads signed codes as two’s complement', () => {
    const site = fixedSite(kernel(3), { uniform: 0 });
    const options = { rate: 1, scheme: 'symmetric', bits: 4 } as const;
    const { values } = bitErrors({ ...options, positions: 'mostSignificant' }).apply(
      Float32Array.from([7, 1, -7]),
      site,
    );
    assert.deepEqual([...values], [-1, -7, 1]);
  });

  it('refuses a rate that is no probability', () => {
    for (const rate of [-0.1, 1.1, Number.NaN]) assert.throws(() => bitErrors({ rate }), OptionError);
  });
});
