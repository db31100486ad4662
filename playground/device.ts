/**
 * What computes: the backends of TensorFlow.js in a browser, the fastest first, and the device behind each.
 */
import * as tf from '@tensorflow/tfjs';

/** The backends in the order in which they are tried. */
export const BACKENDS = { webgpu: 'WebGPU', webgl: 'WebGL', wasm: 'WebAssembly', cpu: 'JavaScript' } as const;

/** The name of a backend. */
export type Backend = keyof typeof BACKENDS;

/** The backends that this page holds and this browser can start. */
export const OFFERED = (Object.keys(BACKENDS) as Backend[]).filter(
  (name) => tf.findBackendFactory(name) != null && (name !== 'webgpu' || 'gpu' in navigator),
);

/** GPUs that were lost: what has started on one gives no numbers any more. */
const lost = new Set<Backend>();

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
  for (const backend of wanted === 'auto' ? OFFERED : [wanted, ...OFFERED]) {
    if (!OFFERED.includes(backend) || lost.has(backend)) continue;
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

/**
 * Rejects as soon as a GPU is lost: its driver began anew, or the computer slept. Who waits for its numbers
 * waits in vain.
 */
export function lossOf({ backend }: Device, done: AbortSignal): Promise<never> {
  const { gpgpu, device } = tf.backend() as unknown as Handles;
  return new Promise((_, reject) => {
    const tell = () => {
      lost.add(backend);
      reject(
        new Error(
          'the GPU was lost. Train anew: another device computes, or this one in a page loaded anew.',
        ),
      );
    };
    const timer = setInterval(() => gpgpu?.gl.isContextLost() && tell(), 500);
    done.addEventListener('abort', () => clearInterval(timer));
    void device?.lost.then(() => done.aborted || tell());
  });
}

/** What is used of the backends of GPUs. */
interface Handles {
  gpgpu?: { gl: WebGLRenderingContext };
  device?: { lost: Promise<unknown> };
}

/** What is used of WebGPU. */
interface Gpu {
  requestAdapter(): Promise<{
    info?: { description?: string; vendor?: string; architecture?: string };
  } | null>;
}

/** The devices behind the backends, whether they have started or not. */
export function devices(): Promise<string[]> {
  const known = OFFERED.map((one) => nameOf(one).then((name) => `${BACKENDS[one]}: ${name}`));
  return Promise.all(known.map((name, i) => name.catch(() => `${BACKENDS[OFFERED[i]!]}: does not start`)));
}

async function nameOf(backend: Backend): Promise<string> {
  if (backend === 'webgpu') {
    const adapter = await (navigator as unknown as { gpu: Gpu }).gpu.requestAdapter();
    if (adapter === null) return 'no adapter';
    const { info } = adapter;
    return info?.description || [info?.vendor, info?.architecture].filter(Boolean).join(' ') || 'a GPU';
  }
  if (backend === 'webgl') {
    const context = document.createElement('canvas').getContext('webgl2');
    if (context === null) throw new Error('WebGL does not start');
    const known = context.getExtension('WEBGL_debug_renderer_info');
    const name = known ? `${context.getParameter(known.UNMASKED_RENDERER_WEBGL)}` : 'a GPU';
    // Chromium says "ANGLE (maker, device, driver)".
    return /^ANGLE \([^,]*, (.*), [^,]*\)$/.exec(name)?.[1] ?? name;
  }
  return `a processor with ${navigator.hardwareConcurrency} threads`;
}
