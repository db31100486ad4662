/**
 * The first edit that notebook 01 invites works. Other edits, and the other notebooks, are in
 * edited.long.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runEdited } from './edited';

test('01 with a smaller radius: what no longer holds is said, not thrown', async () => {
  const printed = await runEdited('01', [['const rho = 0.22', 'const rho = 0.1']]);
  assert.match(printed, /opposed across the ridge.*: does not hold here/);
  assert.match(printed, /Momentum turns the step.*: holds here/);
});
