/** Compiled functions and models: tf.js code as one graph of TensorFlow. */
export { type Accelerate, accelerate } from './accelerate';
export {
  type BatchNormConvention,
  isMovingStatistic,
  setBatchNormConvention,
  withBatchNormUpdates,
} from './batchnorm';
export { type Compiled, type CompiledGraph, CompileError, type CompileOptions, compile } from './compile';
export { SecondDerivativeError } from './kernels';
export { crossEntropy } from './losses';
