/**
 * TensorFlow.js on its native runtime: the one place where the library loads it.
 *
 * Rooms import `* as tf` from here. The types are those of `@tensorflow/tfjs`, so that the optimizers fit any project;
 * the native package (`@tensorflow/tfjs-node-gpu`, else `@tensorflow/tfjs-node`) only registers its backend.
 */
import './native';

export * from '@tensorflow/tfjs';
