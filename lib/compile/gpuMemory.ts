/**
 * What the GPU of the native runtime has free.
 */
import { spawnSync } from 'node:child_process';

/**
 * Free bytes of the first GPU that TensorFlow may use (of `CUDA_VISIBLE_DEVICES`, else of the machine),
 * by NVIDIA's own tool.
 * What TensorFlow has reserved already does not count as free.
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
