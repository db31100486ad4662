/**
 * What the pages know as TensorFlow.js where there is room for all: also WebAssembly, whose program the page
 * holds.
 */
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import wasm from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm';

export * from './tfGpu';

// The page holds the program itself: it is asked of no server. Where a processor lacks SIMD, the next backend
// is taken.
const program = URL.createObjectURL(new Blob([wasm], { type: 'application/wasm' }));
setWasmPaths({
  'tfjs-backend-wasm.wasm': program,
  'tfjs-backend-wasm-simd.wasm': program,
  'tfjs-backend-wasm-threaded-simd.wasm': program,
});
