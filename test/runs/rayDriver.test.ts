/** What starts the driver of Ray does not show in the list of processes. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RayEngine } from '../../lib/dist/runs';

test('values of environment variables reach the driver through its input, not its arguments', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lookbehind-driver-'));
  // A program in place of Python: writes down how it was started, and ends.
  const python = join(folder, 'python');
  writeFileSync(
    python,
    `#!/bin/sh\nprintf '%s\\n' "$@" > ${folder}/arguments\nhead -n 1 > ${folder}/input\n`,
  );
  chmodSync(python, 0o755);
  process.env.LB_TOKEN = 'sesame-4711';
  try {
    await assert.rejects(new RayEngine({ python, address: 'local' }).connect(), /Ray did not start/);
    assert.doesNotMatch(readFileSync(join(folder, 'arguments'), 'utf8'), /sesame/);
    assert.equal(JSON.parse(readFileSync(join(folder, 'input'), 'utf8')).environment.LB_TOKEN, 'sesame-4711');
  } finally {
    delete process.env.LB_TOKEN;
    rmSync(folder, { recursive: true });
  }
});
