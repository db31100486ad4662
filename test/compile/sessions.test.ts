/** Graphs that are equal share a native session, and sessions that nobody uses are kept within bounds. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile } from 'lookbehind/compile';
import { normal, numbersOf } from './support';

/** Counts the native sessions that are opened and closed while `fn` runs. */
function countSessions(fn: () => void): { opened: number; closed: number } {
  const backend = tf.backend() as unknown as Record<
    'loadSavedModelMetaGraph' | 'deleteSavedModel',
    (...args: unknown[]) => unknown
  >;
  const { loadSavedModelMetaGraph, deleteSavedModel } = backend;
  const count = { opened: 0, closed: 0 };
  backend.loadSavedModelMetaGraph = (...args) => {
    const id = loadSavedModelMetaGraph.apply(backend, args);
    count.opened++;
    return id;
  };
  backend.deleteSavedModel = (...args) => {
    count.closed++;
    return deleteSavedModel.apply(backend, args);
  };
  try {
    fn();
  } finally {
    // The methods of the prototype again.
    for (const name of ['loadSavedModelMetaGraph', 'deleteSavedModel']) Reflect.deleteProperty(backend, name);
  }
  return count;
}

/** A compiled step on a variable of its own, which is not a graph's constant. */
function stepOf(start: number, factor: number) {
  const weight = tf.variable(tf.scalar(start));
  const step = compile(
    (x: tf.Tensor) => {
      weight.assign(tf.mul(weight, factor));
      return tf.add(x, weight);
    },
    { makesNoVariables: true },
  );
  const run = (x: number) => tf.tidy(() => numbersOf(step(tf.scalar(x)))[0]);
  return { weight, step, run };
}

test('equal graphs share a session, at once and one after the other, and keep their state apart', () => {
  const counted = countSessions(() => {
    const [a, b] = [stepOf(1, 3.25), stepOf(10, 3.25)];
    assert.deepEqual([a.run(1), b.run(1), a.run(2), b.run(2)], [4.25, 33.5, 12.5625, 107.625]);
    a.step.dispose();
    assert.throws(() => a.run(1), /was disposed/);
    assert.equal(b.run(0), 343.28125);
    b.step.dispose();
    const c = stepOf(2, 3.25);
    assert.equal(c.run(0.5), 7);
    c.step.dispose();
    for (const { weight } of [a, b, c]) weight.dispose();
  });
  assert.deepEqual(counted, { opened: 1, closed: 0 });
});

test('graphs that differ in a constant or a shape have sessions of their own', () => {
  const counted = countSessions(() => {
    const [a, b] = [stepOf(1, 5.5), stepOf(1, 6.5)];
    assert.deepEqual([a.run(0), b.run(0)], [5.5, 6.5]);
    tf.tidy(() => assert.deepEqual(numbersOf(a.step(tf.tensor1d([0, 1]))), [30.25, 31.25]));
    for (const { step, weight } of [a, b]) {
      step.dispose();
      weight.dispose();
    }
  });
  assert.equal(counted.opened, 3);
});

test('sessions that nobody uses are closed when their graphs hold more than 1 MB together, the oldest first', () => {
  /** A graph of about 0.1 MB. */
  const run = (seed: number) => {
    const constant = normal([160, 160], 1000 + seed);
    const compiled = compile((x: tf.Tensor) => tf.sum(tf.add(constant, x)), { makesNoVariables: true });
    tf.tidy(() => compiled(tf.scalar(1)));
    compiled.dispose();
    constant.dispose();
  };
  const first = countSessions(() => {
    for (let seed = 0; seed < 20; seed++) run(seed);
  });
  assert.equal(first.opened, 20);
  assert.ok(first.closed >= 10, `${first.closed} closed`);
  assert.deepEqual(
    countSessions(() => run(19)),
    { opened: 0, closed: 0 },
  );
  const again = countSessions(() => run(0));
  assert.deepEqual(again, { opened: 1, closed: 1 });
});

test('a session in use is never closed for others', () => {
  const held = stepOf(1, 7.5);
  held.run(0);
  const large = normal([600, 600], 5);
  const compiled = compile((x: tf.Tensor) => tf.sum(tf.add(large, x)), { makesNoVariables: true });
  tf.tidy(() => compiled(tf.scalar(1)));
  const counted = countSessions(() => compiled.dispose());
  assert.ok(counted.closed >= 1, 'more than the bound is not kept');
  assert.equal(held.run(0), 56.25);
  held.step.dispose();
  tf.dispose([large, held.weight]);
});

test('a temporary folder that cannot be listed does not break the first compile', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'unlisted-'));
  t.after(() => rmSync(folder, { recursive: true }));
  // Root may list every folder: so the listing itself is refused, as the system refuses it to others.
  const code = `
    const fs = require('node:fs');
    const list = fs.readdirSync;
    fs.readdirSync = (path, ...rest) => {
      if (path === ${JSON.stringify(folder)}) throw Object.assign(new Error('EACCES: permission denied, scandir'), { code: 'EACCES' });
      return list(path, ...rest);
    };
    const tf = require(${JSON.stringify(require.resolve('@tensorflow/tfjs'))});
    const { compile } = require(${JSON.stringify(require.resolve('lookbehind/compile'))});
    const twice = compile((x) => tf.mul(x, 2));
    console.log(twice(tf.scalar(3)).dataSync()[0], twice(tf.scalar(4)).dataSync()[0]);`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', code], {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: folder },
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout, '6 8\n');
});
