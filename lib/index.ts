/** Lookbehind-SAM and its family for TensorFlow.js. Each room lists its own public names in its index file. */

export * from './datasets';
export * from './experiments';
export * as figures from './figures';
export * from './landscape';
export * from './lifelong';
export * as models from './models';
export * from './notebook';
export * from './optimizers';
export * from './paper';
export * from './robustness';
export * from './runtime';
export * as tf from './runtime/tf';
export * from './sharpness';
export * from './training';
