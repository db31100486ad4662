/** The tensor forms of device noises and bit errors, which training uses, against their plain forms. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from 'lookbehind/extend';
import {
  bitErrors,
  composeNoise,
  type DifferentiableNoise,
  gaussianNoise,
  pcm,
  reram,
} from 'lookbehind/robustness';
import { assertAllClose, drawnSite, kernel, tensorForm } from './support';

const site = drawnSite(kernel(20, 15));
const weights = new Random(4, 'weights').normals(300);
weights.set([0, 0, 0], 40);

function assertForms(noise: DifferentiableNoise, values: Float32Array, tolerance: number): void {
  const plain = noise.apply(values, site).values;
  const { values: fromTensors, gradient } = tensorForm(noise, values, site);
  assertAllClose(fromTensors, plain, tolerance, noise.name);
  assert.ok(
    gradient.every((slope) => slope === 1),
    `the gradient of ${noise.name} passes straight through`,
  );
}

describe('the tensor form equals the plain form and passes gradients straight through', () => {
  it('of bit errors', () => {
    for (const scheme of ['symmetric', 'asymmetric'] as const) {
      for (const fault of ['flip', 'stuckAt0', 'stuckAt1'] as const) {
        for (const bits of [3, 8])
          assertForms(bitErrors({ rate: 0.2, bits, scheme, fault, per: 'channel' }), weights, 1e-5);
        assertForms(
          bitErrors({ rate: 0.5, scheme, fault, positions: [0, 6], protectedBits: 1 }),
          weights,
          1e-5,
        );
      }
    }
  });

  it('of phase-change memory', () => {
    for (const driftCompensation of [true, false]) {
      for (const seconds of [0, 1, 86_400 * 365])
        assertForms(pcm({ seconds, driftCompensation }), weights, 2e-5);
    }
    assertForms(pcm({ seconds: 3600, programmingNoise: 0, readNoise: 2, drift: 0.5 }), weights, 2e-5);
  });

  it('of resistive memory', () => {
    for (const seconds of [1, 86_400, 172_800]) assertForms(reram({ seconds, strength: 0.7 }), weights, 1e-5);
  });

  it('of weights that are all zero', () => {
    for (const noise of [bitErrors({ rate: 0 }), pcm({ seconds: 60 }), reram({ seconds: 1 })]) {
      assertForms(noise, new Float32Array(300), 0);
    }
  });

  it('of compositions, whose stages draw other numbers', () => {
    const noise = composeNoise(
      gaussianNoise({ sigma: 0 }),
      bitErrors({ rate: 0.1 }),
      bitErrors({ rate: 0.1, fault: 'stuckAt0' }),
    );
    assertForms(noise, weights, 1e-5);
  });
});
