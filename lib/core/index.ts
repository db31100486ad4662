/** What everything builds on: errors, reproducible random numbers, TensorFlow.js. */
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
export { Random, type RandomState } from './random';
