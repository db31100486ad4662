/** The free memory of a GPU, from a program that answers as NVIDIA's does. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { freeGpuMemory } from '../../lib/dist/compile/gpuMemory';
import { defaultMemoryBudget } from '../../lib/dist/compile/memoryBudget';

const { PATH, CUDA_VISIBLE_DEVICES } = process.env;
let folder: string;

describe('the free memory of a GPU', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lookbehind-gpu-'));
    process.env.PATH = `${folder}:${PATH}`;
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
    process.env.PATH = PATH;
    if (CUDA_VISIBLE_DEVICES === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
    else process.env.CUDA_VISIBLE_DEVICES = CUDA_VISIBLE_DEVICES;
  });

  /** Free bytes where the program prints `output`, and what it was asked. */
  function ask(output: string, visible: string, code = 0): { bytes: number | undefined; asked: string } {
    const program = join(folder, 'nvidia-smi');
    writeFileSync(program, `#!/bin/sh\necho "$@" > '${folder}/asked'\nprintf '${output}'\nexit ${code}\n`);
    chmodSync(program, 0o755);
    process.env.CUDA_VISIBLE_DEVICES = visible;
    const bytes = freeGpuMemory();
    return { bytes, asked: readFileSync(join(folder, 'asked'), 'utf8').trim() };
  }

  test('is that of the first GPU that is visible, in bytes', () => {
    const query = '--query-gpu=memory.free --format=csv,noheader,nounits';
    assert.deepEqual(ask('81089\\n40000\\n', ''), { bytes: 81089 * 2 ** 20, asked: query });
    assert.deepEqual(ask('40000\\n', '1,0'), { bytes: 40000 * 2 ** 20, asked: `-i 1 ${query}` });
  });

  test('is not known where the program does not know, fails or is missing', () => {
    assert.equal(ask('[N/A]\\n', '').bytes, undefined);
    assert.equal(ask('No devices were found\\n', '', 6).bytes, undefined);
    process.env.PATH = folder;
    rmSync(join(folder, 'nvidia-smi'));
    assert.equal(freeGpuMemory(), undefined);
  });

  test('a CPU has a fixed budget', () => {
    assert.equal(defaultMemoryBudget(), 256 * 2 ** 20);
  });
});
