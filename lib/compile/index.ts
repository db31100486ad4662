/** Compiled functions and models: tf.js code as one graph of TensorFlow. */
export { type BatchNormConvention, setBatchNormConvention } from '../core/batchNorm';
export { type Accelerate, accelerate } from './accelerate';
export { type Compiled, type CompiledGraph, CompileError, type CompileOptions, compile } from './compile';
export type { TensorTree } from './graph/tree';
export { SecondDerivativeError } from './kernels/customGradients';
export { crossEntropy } from './losses';
