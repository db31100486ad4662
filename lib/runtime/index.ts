export {
  AbortedError,
  DataError,
  DivergenceError,
  LookbehindError,
  NativeRuntimeError,
  OptionError,
  StateMismatchError,
} from './errors';
export { Random, type RandomState } from './random';
