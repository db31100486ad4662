/**
 * The library on each backend of TensorFlow.js, against the native one: trainings and evaluations
 * (backendWork.ts) on cpu in Node, and on cpu, wasm, webgl and webgpu in a page.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import 'lookbehind/compile';
import { BACKENDS, BackendPage } from './backendPage';
import { type Numbers, type Outcome, outcomeOf, WORKS } from './backendWork';
import { executablePath, WEBGPU_ARGUMENTS } from './chromium';

/**
 * Largest difference from the native numbers, as a share of the largest number of a list. float32 has
 * 6e-8 in each op; backends sum in another order, and exp and tanh of shaders are a few units in the last
 * place off. Seen: 2e-6, of weights after steps of Adam, which divides by roots of small numbers.
 */
const TOLERANCE = 1e-5;

/** Small differences of losses have lost two digits of these. Seen: 7e-6. */
const OF_DIFFERENCES = 1e-4;
const DIFFERENCES = ['oneStep', 'adaptive', 'average', 'worst'];

/** Registers the tests: on each backend the works that `worksOn` names. */
export function testBackends(worksOn: (backend: string) => readonly string[]): void {
  const reference = new Map<string, Numbers>();

  before(async () => {
    assert.equal(tf.getBackend(), 'tensorflow');
    for (const work of new Set(['cpu', ...BACKENDS].flatMap(worksOn))) {
      const outcome = await outcomeOf(work);
      assert.ok(outcome.numbers, `${work} on the native backend: ${outcome.error}`);
      reference.set(work, outcome.numbers);
    }
  });

  function compare(work: string, { numbers, error, left }: Outcome): void {
    assert.ok(numbers, error);
    for (const [what, expected] of Object.entries(reference.get(work)!)) {
      const tolerance = DIFFERENCES.includes(what) ? OF_DIFFERENCES : TOLERANCE;
      const bound = tolerance * Math.max(...expected.map(Math.abs));
      assert.equal(numbers[what]!.length, expected.length);
      expected.forEach((value, i) => {
        const got = numbers[what]![i]!;
        assert.ok(Math.abs(got - value) <= bound, `${what}[${i}] is ${got}, natively ${value}`);
      });
    }
    assert.equal(left, 0, `${left} tensors are left`);
  }

  describe('cpu in Node', () => {
    before(() => tf.setBackend('cpu'));
    after(() => tf.setBackend('tensorflow'));
    for (const work of worksOn('cpu')) it(work, async () => compare(work, await outcomeOf(work)));
  });

  const skip = executablePath ? false : 'no Chromium found: set LB_CHROMIUM to its path';
  describe('in a browser', { skip }, () => {
    let page: BackendPage;
    before(async () => {
      const options = { executablePath: executablePath!, args: WEBGPU_ARGUMENTS };
      page = await BackendPage.open(join(__dirname, 'backendWork.ts'), options);
    });
    after(() => page?.close());

    for (const backend of BACKENDS) {
      it(backend, async (t) => {
        const failed = await page.start(backend);
        if (failed !== undefined) return t.skip(`${backend} does not start: ${failed}`);
        for (const work of worksOn(backend)) {
          await t.test(work, async () => {
            const outcome = await page.call<Outcome>('outcomeOf', work);
            assert.deepEqual(page.complaints.splice(0), []);
            compare(work, outcome);
          });
        }
      });
    }
  });
}

/** The works whose names begin with one of these. */
export function worksNamed(...beginnings: string[]): string[] {
  return Object.keys(WORKS).filter((work) => beginnings.some((beginning) => work.startsWith(beginning)));
}
