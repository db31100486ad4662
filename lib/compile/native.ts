/**
 * Loads the native TensorFlow runtime where it is installed, once per process: its package registers a
 * backend with tf.js.
 */
import type * as tf from '@tensorflow/tfjs';
import { NativeRuntimeError } from '../core/errors';

/** The npm packages that bring the native runtime, in the order in which they are tried. */
const NATIVE_PACKAGES = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/**
 * The package that was loaded, or undefined where none is installed and tf.js runs on its JavaScript backend.
 */
export const nativePackage: string | undefined = load();

/** Version of the package that was loaded. */
export function nativeVersion(): string {
  const { version } = require(`${nativePackage}/package.json`) as { version: string };
  return version;
}

/** What the library uses of the namespace `tf.node`. */
export interface NodeNamespace {
  /** An image `[height, width, channels]` of int32 from 0 to 255 as a PNG file. */
  encodePng(image: tf.Tensor3D): Promise<Uint8Array>;
  /**
   * Decodes a JPEG, PNG, GIF or BMP file: `[height, width, channels]`, or with `expandAnimations` a list of
   * such images.
   */
  decodeImage(contents: Uint8Array, channels: number, dtype: 'int32', expandAnimations: boolean): tf.Tensor;
}

/** The namespace `node` of the native package; undefined where none is installed. */
export function nativeNode(): NodeNamespace | undefined {
  return nativePackage === undefined ? undefined : (require(nativePackage) as { node: NodeNamespace }).node;
}

function load(): string | undefined {
  // TensorFlow reads these when its library is opened. 3 keeps errors that tf.js throws; it drops log lines
  // only.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  // Where a CPU lacks AVX-512, TensorFlow leaves its oneDNN kernels off, and convolutions take two to six
  // times as long.
  process.env.TF_ENABLE_ONEDNN_OPTS ??= '1';
  replaceDeprecatedUtil();
  for (const name of NATIVE_PACKAGES) {
    try {
      require(name);
      return name;
    } catch (error) {
      if (isAbsent(error, name)) continue;
      throw new NativeRuntimeError(
        `The native TensorFlow runtime of ${name} did not load: ${(error as Error).message.split('\n')[0]} ` +
          'Run "npm run setup" (in your own project: reinstall the package) and try again.',
        { cause: error },
      );
    }
  }
  return undefined;
}

/**
 * tfjs-node 4.22 calls two old functions of node:util. Node 22 warns about both, Node 23 removed one: these
 * do the same without a word.
 */
function replaceDeprecatedUtil(): void {
  const util = require('node:util') as Record<string, unknown>;
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  util.isArray = Array.isArray;
}

function isAbsent(error: unknown, name: string): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'MODULE_NOT_FOUND' && message.includes(`'${name}'`);
}
