/** Lookbehind-SAM and its family for TensorFlow.js. Each room lists its own public names in its index file. */

export * from './compile';
export * from './core';
export * as tf from './core/tf';
export * from './data';
export * as figures from './figures';
export * from './files';
export * from './landscape';
export * from './lifelong';
export * as models from './models';
export * from './notebook';
export * from './optimizers';
export * from './paper';
export * from './robustness';
export * from './runs';
export * from './sharpness';
export * from './statistics';
export * from './training';
