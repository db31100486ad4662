/**
 * Lookbehind-SAM and its family, for any TensorFlow.js model on any backend. The rooms around it have doors
 * of their own: `lookbehind/train`, ...
 */
export {
  AbortedError,
  DataError,
  type Divergence,
  DivergenceError,
  LookbehindError,
  NativeRuntimeError,
  NeedsNodeError,
  OptionError,
  StateMismatchError,
  StorageError,
} from './core/errors';
export * from './optimizers';
