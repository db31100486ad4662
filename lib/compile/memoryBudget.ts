/**
 * How much memory may be taken by what is evaluated together, where the caller does not say.
 *
 * On processors the cache decides about speed, so that a small part of the memory is enough. On a GPU larger
 * chunks are faster, and its memory is the bound: a quarter of what is free, since TensorFlow takes workspace
 * for its kernels, and results, in addition.
 */
import { spawnSync } from 'node:child_process';
import { usesGpu } from './backend';

/** Bytes, on a CPU, and on a GPU that does not tell what is free. */
const BUDGET = 256 * 2 ** 20;

const SHARE_OF_GPU = 1 / 4;

/**
 * Bytes that may be taken now: 256 MB, or a quarter of the free memory of the GPU that is used, if that is
 * more.
 */
export function defaultMemoryBudget(): number {
  return usesGpu() ? Math.max(BUDGET, (freeGpuMemory() ?? 0) * SHARE_OF_GPU) : BUDGET;
}

/**
 * Free bytes of the first GPU that TensorFlow may use (of `CUDA_VISIBLE_DEVICES`, else of the machine), by
 * NVIDIA's own tool. What TensorFlow has reserved already does not count as free.
 * @returns `undefined` where there is no such tool or it does not know.
 */
export function freeGpuMemory(): number | undefined {
  const [visible] = (process.env.CUDA_VISIBLE_DEVICES ?? '').split(',');
  const which = visible.trim() === '' ? [] : ['-i', visible.trim()];
  const query = ['--query-gpu=memory.free', '--format=csv,noheader,nounits'];
  const { status, stdout } = spawnSync('nvidia-smi', [...which, ...query], {
    encoding: 'utf8',
    timeout: 10000,
  });
  const mebibytes = status === 0 ? Number.parseInt(stdout, 10) : Number.NaN;
  return Number.isFinite(mebibytes) ? mebibytes * 2 ** 20 : undefined;
}
