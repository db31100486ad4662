/**
 * Loading TensorFlow leaves standard error to the process, and readers of it leave TensorFlow's greeting out.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withoutGreeting } from '../../lib/dist/compile/greeting';

const load = `require(${JSON.stringify(require.resolve('lookbehind/compile'))})`;

describe('standard error', () => {
  it('loses nothing where both streams go to one file', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'standard-error-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'log');
    const log = openSync(file, 'w');
    const code =
      `console.log('before'); ${load}; console.error('an error'); console.log('an output, which is ` +
      "longer'); console.error('last');";
    const { status } = spawnSync(process.execPath, ['-e', code], { stdio: ['ignore', log, log] });
    closeSync(log);
    assert.equal(status, 0);
    const text = readFileSync(file, 'utf8');
    assert.equal(withoutGreeting(text), 'before\nan error\nan output, which is longer\nlast\n');
  });

  it('is neither closed nor opened anew while TensorFlow loads', () => {
    const code = `
      const fs = require('node:fs');
      const close = fs.closeSync;
      const closed = [];
      fs.closeSync = (descriptor) => { closed.push(descriptor); return close(descriptor); };
      const before = fs.fstatSync(2, { bigint: true });
      ${load};
      const after = fs.fstatSync(2, { bigint: true });
      console.log(closed.includes(2), before.ino === after.ino);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
    assert.equal(stdout, 'false true\n', stderr);
  });

  it('is read without the greeting, and with every error', () => {
    const greeting = [
      'WARNING: All log messages before absl::InitializeLog() is called are written to STDERR',
      'I0000 00:00:1795937274.429854   19239 port.cc:153] oneDNN custom operations are on.',
      'W0000 00:00:1795937274.429854   19239 gpu_device.cc:2342] Cannot dlopen some GPU libraries.',
    ];
    const errors = [
      'E0000 00:00:1795937274.429854   19239 cuda.cc:1] failed',
      'WARNING: my own',
      'Error: I0000 told so',
    ];
    const lines = [greeting[0], errors[0], greeting[1], errors[1], greeting[2], errors[2]];
    assert.equal(withoutGreeting(`${lines.join('\n')}\n`), `${errors.join('\n')}\n`);
    assert.equal(withoutGreeting(greeting.join('\n')), '');
  });
});
