/**
 * How much memory may be taken by what is evaluated together, where the caller does not say.
 *
 * On processors the cache decides about speed, so that a small part of the memory is enough. On a GPU larger
 * chunks are faster, and its memory is the bound: a quarter of what is free, since TensorFlow takes workspace
 * for its kernels, and results, in addition.
 */
import { isNative, usesGpu } from './backend';
import { freeGpuMemory } from './gpuMemory';

/** Bytes, on a CPU, and on a GPU that does not tell what is free, such as that of a browser. */
const BUDGET = 256 * 2 ** 20;

const SHARE_OF_GPU = 1 / 4;

/**
 * Bytes that may be taken now: 256 MB, or a quarter of the free memory of the GPU that is used, if that is
 * more.
 */
export function defaultMemoryBudget(): number {
  return usesGpu() && isNative() ? Math.max(BUDGET, (freeGpuMemory() ?? 0) * SHARE_OF_GPU) : BUDGET;
}
