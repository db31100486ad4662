/**
 * Signals while matrices are multiplied, as a profiler and Ctrl-C send them: patches/ has what they do to a
 * process that takes them in the middle of a product. A processor without AVX-512 may bear them.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ROOT } from '../runs/support';

/** Narrow products, whose code has its place in a buffer, for five seconds. */
const WORK = `
  const tf = require('@tensorflow/tfjs-node');
  require('lookbehind/compile');
  let taken = 0;
  process.on('SIGWINCH', () => taken++);
  const [x, w, g] = [[128, 100], [100, 10], [128, 10]].map((shape) => tf.ones(shape));
  const end = performance.now() + 5000;
  const work = () => {
    for (let i = 0; i < 50; i++)
      tf.tidy(() => [tf.matMul(x, w), tf.matMul(x, g, true, false), tf.matMul(g, w, false, true)]);
    if (performance.now() < end) setImmediate(work);
    else process.exit(taken > 100 && tf.matMul(x, w).dataSync().every((value) => value === 100) ? 0 : 1);
  };
  console.log('works');
  work();`;

test('signals do no harm while TensorFlow computes', { timeout: 60_000 }, async () => {
  const child = spawn(process.execPath, ['-e', WORK], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  const send = setInterval(() => {
    for (let i = 0; i < 20; i++) child.kill('SIGWINCH');
  }, 1);
  const [code, signal] = (await closed) as [number | null, NodeJS.Signals | null];
  clearInterval(send);
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
});
