/** What the pages know as TensorFlow.js where networks are trained: layers, and all backends of a browser. */
import '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import '@tensorflow/tfjs-backend-webgpu';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import wasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm';

export * from '@tensorflow/tfjs-core';
export * from '@tensorflow/tfjs-layers';

// The page holds the program itself: it is asked of no server. Where a processor lacks SIMD, the next backend is taken.
const program = URL.createObjectURL(new Blob([wasm], { type: 'application/wasm' }));
setWasmPaths({
  'tfjs-backend-wasm.wasm': program,
  'tfjs-backend-wasm-simd.wasm': program,
  'tfjs-backend-wasm-threaded-simd.wasm': program,
});
