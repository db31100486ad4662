export { type Accelerate, accelerate } from './accelerate';
export {
  type BatchNormConvention,
  isMovingStatistic,
  setBatchNormConvention,
  withBatchNormUpdates,
} from './batchnorm';
export { type Compiled, type CompiledGraph, CompileError, type CompileOptions, compile } from './compile';
export {
  AbortedError,
  DataError,
  type Divergence,
  DivergenceError,
  LookbehindError,
  NativeRuntimeError,
  OptionError,
  StateMismatchError,
  StorageError,
} from './errors';
export { SecondDerivativeError } from './kernels';
export { crossEntropy } from './losses';
export { Random, type RandomState } from './random';
export {
  encodeSafetensors,
  parseSafetensors,
  readSafetensors,
  type StoredTensor,
  type StoredType,
  storedFloats,
  storeFloats,
  type TensorFile,
  TensorFileError,
  writeSafetensors,
} from './safetensors';
