import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { pcm, reram } from 'lookbehind/robustness';
import { assertClose, assertNormal, drawnSite, fixedSite, kernel, moments } from './support';

const tensor = kernel(200, 100);
const size = 20_000;
const YEAR = 365 * 86_400;

/** Weights of one value, with a first weight of 1 that sets the largest conductance. */
function constant(x: number): Float32Array {
  const weights = new Float32Array(size).fill(x);
  weights[0] = 1;
  return weights;
}

describe('pcm', () => {
  it('programs with the standard deviation of the polynomial', () => {
    for (const x of [0.5, -0.8]) {
      const noise = pcm({ seconds: 0, readNoise: 0, driftCompensation: false });
      const { values } = noise.apply(constant(x), drawnSite(tensor));
      const on = (0.26348 + 1.965 * Math.abs(x) - 1.1731 * x * x) / 25;
      // The device at zero is cut at zero: half of a normal distribution, with mean s / sqrt(2 pi) and
      // variance s^2 (1 - 1 / pi) / 2.
      const off = 0.26348 / 25;
      const mean = Math.sign(x) * (Math.abs(x) - off / Math.sqrt(2 * Math.PI));
      const std = Math.sqrt(on ** 2 + (off ** 2 * (1 - 1 / Math.PI)) / 2);
      assertNormal(values.subarray(1), mean, std, `x = ${x}`);
    }
  });

  it('drifts by ((t + 20) / 20) ** -nu, with the mean exponent of the device', () => {
    for (const [x, nu] of [
      [1, 0.049],
      [0.1, 0.0244 - 0.0155 * Math.log(0.1)],
    ] as const) {
      for (const seconds of [1, 3600, YEAR]) {
        const noise = pcm({ seconds, programmingNoise: 0, readNoise: 0, driftCompensation: false });
        const { values } = noise.apply(constant(x), fixedSite(tensor, { normal: 0 }));
        assertClose(values[5], x * ((seconds + 20) / 20) ** -nu, 1e-6, `x = ${x} after ${seconds} s`);
      }
    }
  });

  it('spreads the drift exponent as its formula says', () => {
    const seconds = 1e6;
    const x = 0.5;
    const { values } = pcm({ seconds, programmingNoise: 0, readNoise: 0, driftCompensation: false }).apply(
      constant(x),
      drawnSite(tensor),
    );
    const exponents = values.subarray(1).map((w) => -Math.log(w / x) / Math.log((seconds + 20) / 20));
    assertNormal(exponents, 0.049, 0.008, 'nu');
  });

  it('reads with the standard deviation of the 1/f law', () => {
    const x = 0.5;
    for (const seconds of [1, 86_400]) {
      const noise = pcm({ seconds, programmingNoise: 0, drift: 0, driftCompensation: false });
      const { values } = noise.apply(constant(x), drawnSite(tensor));
      const q = 0.0088 / x ** 0.65;
      assertNormal(
        values.subarray(1),
        x,
        x * q * Math.sqrt(Math.log((seconds + 20 + 250e-9) / 500e-9)),
        `${seconds} s`,
      );
    }
  });

  it('makes up for the mean drift by one factor', () => {
    const weights = Float32Array.from({ length: size }, (_, i) => Math.sin(i));
    const meanAt = (seconds: number, driftCompensation: boolean): number =>
      moments(pcm({ seconds, driftCompensation }).apply(weights, drawnSite(tensor)).values.map(Math.abs))
        .mean;
    const programmed = moments(
      pcm({ seconds: 0, readNoise: 0, driftCompensation: false })
        .apply(weights, drawnSite(tensor))
        .values.map(Math.abs),
    ).mean;
    assertClose(meanAt(YEAR, true) / programmed, 1, 1e-6, 'compensated');
    assert.ok(meanAt(YEAR, false) < 0.6 * programmed, 'without compensation the weights shrink');
    const without = pcm({ seconds: YEAR, driftCompensation: false }).apply(weights, drawnSite(tensor)).values;
    const withIt = pcm({ seconds: YEAR }).apply(weights, drawnSite(tensor)).values;
    const factor = withIt[7] / without[7];
    for (const i of [1, 20, 300]) assertClose(withIt[i] / without[i], factor, 1e-5, `factor of weight ${i}`);
  });

  it('keeps the programmed devices of a draw at all times', () => {
    const weights = Float32Array.from({ length: size }, (_, i) => Math.sin(i));
    const at = (seconds: number): Float32Array =>
      pcm({ seconds, drift: 0, readNoise: 0, driftCompensation: false }).apply(weights, drawnSite(tensor))
        .values;
    assert.deepEqual(at(1), at(YEAR));
  });

  it('moves weights that are zero, and keeps an all-zero tensor', () => {
    assert.ok(
      pcm({ seconds: 1 })
        .apply(constant(0), drawnSite(tensor))
        .values.subarray(1)
        .some((w) => w !== 0),
    );
    assert.deepEqual(
      pcm({ seconds: 1 }).apply(new Float32Array(size), drawnSite(tensor)).values,
      new Float32Array(size),
    );
  });

  it('says whether it changes anything', () => {
    assert.equal(pcm({ seconds: 0, programmingNoise: 0, readNoise: 0 }).changesNothing, true);
    assert.equal(pcm({ seconds: 1, programmingNoise: 0, readNoise: 0 }).changesNothing, false);
    assert.throws(() => pcm({ seconds: -1 }), OptionError);
  });
});

describe('reram', () => {
  it('has the standard deviation of the quartic', () => {
    const expected = { 1: 0.348, 86400: 0.701, 172800: 0.782 };
    for (const [seconds, atZero] of Object.entries(expected)) {
      const { values } = reram({ seconds: Number(seconds) }).apply(constant(0), drawnSite(tensor));
      // Both devices at zero, each cut at zero: the difference is symmetric with variance s^2 (1 - 1 / pi).
      const std = (atZero / 40) * Math.sqrt(1 - 1 / Math.PI);
      assertClose(
        moments(values.subarray(1)).mean,
        0,
        (5 * std) / Math.sqrt(size),
        `mean after ${seconds} s`,
      );
      assertClose(moments(values.subarray(1)).std, std, 0.05 * std, `standard deviation after ${seconds} s`);
    }
    const x = 0.5;
    const { values } = reram({ seconds: 1 }).apply(constant(x), fixedSite(tensor, { normal: 1 }));
    const s = 0.348 + 16.03 * x - 43.853 * x ** 2 + 45.393 * x ** 3 - 16.815 * x ** 4;
    assertClose(values[5], x + s / 40 - 0.348 / 40, 1e-6, 'one deviation up on both devices');
  });

  it('knows measured times only', () => {
    assert.throws(() => reram({ seconds: 60 }), OptionError);
    assert.equal(reram({ seconds: 1, strength: 0 }).changesNothing, true);
  });
});
