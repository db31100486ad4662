/** The errors that the library throws on purpose. `LookbehindError` is the class of all. */
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
