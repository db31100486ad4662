/**
 * TensorFlow.js as it is, on whatever backend the project has: the one place where the library names the
 * package. The native runtime comes with `lookbehind/compile`.
 */
export * from '@tensorflow/tfjs';
