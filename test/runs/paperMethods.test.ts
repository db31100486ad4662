import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import * as figures from 'lookbehind/figures';
import { gradientsPerBatch, paperMethods, resolveConfig } from 'lookbehind/runs';
import { SMALL } from './support';

test('every method is a valid run', () => {
  for (const optimizer of Object.values(paperMethods({ learningRate: 0.2 }))) {
    const resolved = resolveConfig({ ...SMALL, optimizer }).optimizer;
    const base = resolved.kind === 'lookahead' ? resolved.base : resolved;
    assert.equal((base as { learningRate: number }).learningRate, 0.2);
  }
});

test('each has its price', () => {
  const costs = Object.values(paperMethods({ k: 4, adaptiveK: 3 })).map((optimizer) =>
    gradientsPerBatch(optimizer),
  );
  assert.deepEqual(costs, [1, 1, 2, 2, 5, 5, 4, 2, 2, 5, 5, 4]);
});

test('names are those of the figures', () => {
  for (const name of Object.keys(paperMethods())) {
    const known = figures.METHOD_NAMES.map((method) => figures.methodStyle(method).label);
    assert.ok(known.includes(name), name);
  }
});

test('perturbed points are as far away as those of SAM, in one step or on average', () => {
  const rhoOf = (
    options: object,
    name: 'SAM' | 'Lookbehind-SAM' | 'Multistep-ASAM' | 'Lookbehind-SAM, adaptive',
  ) => (paperMethods({ rho: 0.15, asamRho: 0.75, k: 5, ...options })[name] as { rho: number }).rho;
  assert.equal(rhoOf({}, 'Lookbehind-SAM'), 0.15);
  assert.equal(rhoOf({ radius: 'mean' }, 'SAM'), 0.15);
  assert.equal(rhoOf({ radius: 'mean' }, 'Lookbehind-SAM'), 0.05);
  assert.equal(rhoOf({ radius: 'mean' }, 'Lookbehind-SAM, adaptive'), 0.1);
  assert.equal(rhoOf({ radius: 'mean' }, 'Multistep-ASAM'), 0.25);
  const reached = [1, 2, 3, 4, 5].map((i) => i * rhoOf({ radius: 'mean' }, 'Lookbehind-SAM'));
  assert.ok(Math.abs(reached.reduce((sum, one) => sum + one) / 5 - 0.15) < 1e-12);
});

test('wrong options are refused', () => {
  for (const options of [
    { k: 0 },
    { adaptiveK: 1.5 },
    { rho: -1 },
    { asamRho: Number.NaN },
    { radius: 'mid' },
    { steps: 2 },
  ]) {
    assert.throws(() => paperMethods(options as object), OptionError);
  }
});
