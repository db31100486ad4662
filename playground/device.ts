/**
 * What computes: the backends of TensorFlow.js in a browser, the fastest first, and the device behind each.
 */
import * as tf from '@tensorflow/tfjs';

/** The backends in the order in which they are tried. */
export const BACKENDS = { webgpu: 'WebGPU', webgl: 'WebGL', wasm: 'WebAssembly', cpu: 'JavaScript' } as const;

/** The name of a backend. */
export type Backend = keyof typeof BACKENDS;

/** What computes. */
export interface Device {
  backend: Backend;
  /** As the browser calls it. */
  name: string;
}

/** Names of devices that are none: a processor that plays a GPU, slower than WebAssembly on the same one. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Lets `wanted` compute, or the first backend that starts here on a device of its own. */
export async function useDevice(wanted: Backend | 'auto'): Promise<Device> {
  const names = Object.keys(BACKENDS) as Backend[];
  for (const backend of wanted === 'auto' ? names : [wanted, ...names]) {
    if (backend === 'webgpu' && !('gpu' in navigator)) continue;
    const started = await tf.setBackend(backend).catch(() => false);
    if (!started) continue;
    const name = await nameOf(backend).catch(() => 'unknown device');
    if (backend === wanted || !SOFTWARE.test(name)) return { backend, name };
  }
  throw new Error('No backend of TensorFlow.js starts in this browser.');
}

/** Whether a GPU computes: work is handed to it in large pieces. */
export function isGpu({ backend }: Device): boolean {
  return backend === 'webgpu' || backend === 'webgl';
}

/** What is used of WebGPU. */
interface Gpu {
  requestAdapter(): Promise<{
    info?: { description?: string; vendor?: string; architecture?: string };
  } | null>;
}

async function nameOf(backend: Backend): Promise<string> {
  if (backend === 'webgpu') {
    const { info } = (await (navigator as unknown as { gpu: Gpu }).gpu.requestAdapter()) ?? {};
    return info?.description || [info?.vendor, info?.architecture].filter(Boolean).join(' ') || 'a GPU';
  }
  if (backend === 'webgl') {
    const context = document.createElement('canvas').getContext('webgl2');
    const known = context?.getExtension('WEBGL_debug_renderer_info');
    const name = known ? `${context!.getParameter(known.UNMASKED_RENDERER_WEBGL)}` : 'a GPU';
    // Chromium says "ANGLE (maker, device, driver)".
    return /^ANGLE \([^,]*, (.*), [^,]*\)$/.exec(name)?.[1] ?? name;
  }
  return `a processor with ${navigator.hardwareConcurrency} threads`;
}
