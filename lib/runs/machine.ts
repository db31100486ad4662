/**
 * Where a result comes from: versions and machine.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { usesGpu } from '../compile/backend';
import { nativePackage } from '../compile/native';
import * as tf from '../core/tf';
import { libraryVersion } from '../files/version';

/** Versions of what computed a result. */
export interface Versions {
  /** This library. */
  lookbehind: string;
  /** tf.js. */
  tfjs: string;
  /** The package of the native runtime, or null where tf.js ran without one. */
  native: string | null;
  /** Node.js. */
  node: string;
  /**
   * The first digits of SHA-256 over the compiled code that runs go through. Absent from results of before it
   * was recorded.
   */
  code?: string;
}

/** The rooms of the library that a result may depend on. */
const ROOMS = [
  'core',
  'files',
  'compile',
  'data',
  'models',
  'optimizers',
  'training',
  'robustness',
  'sharpness',
  'lifelong',
  'runs',
];
const CODE_DIGITS = 12;

/**
 * The machine that computed a result. Results are bit-identical on the same machine with the same number of
 * threads only.
 */
export interface Machine {
  /** System and architecture, such as `linux x64`. */
  platform: string;
  /** The processor's name. */
  cpu: string;
  /** CPU cores available to the process. */
  cores: number;
  /** Threads within one TensorFlow op, and ops at a time; null: TensorFlow's choice, one per core. */
  threads: { intraOp: number | null; interOp: number | null };
  /** Whether steps ran op by op (LB_EAGER) in place of compiled. */
  eager: boolean;
  /** The backend of tf.js. */
  backend: string;
}

let versions: Versions | undefined;

/** The versions in use. */
export function presentVersions(): Versions {
  versions ??= {
    lookbehind: libraryVersion(),
    tfjs: tf.version.tfjs,
    native: nativePackage ?? null,
    node: process.versions.node,
    code: codeHash(join(__dirname, '..')),
  };
  return versions;
}

function codeHash(library: string): string {
  const hash = createHash('sha256');
  for (const room of ROOMS) {
    const files = readdirSync(join(library, room), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.js'),
    );
    for (const file of files.sort())
      hash.update(`${room}/${file}\n`).update(readFileSync(join(library, room, file)));
  }
  return hash.digest('hex').slice(0, CODE_DIGITS);
}

/** The present machine. */
export function presentMachine(): Machine {
  const threads = (name: string): number | null => Number(process.env[name]) || null;
  return {
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    threads: { intraOp: threads('TF_NUM_INTRAOP_THREADS'), interOp: threads('TF_NUM_INTEROP_THREADS') },
    eager: process.env.LB_EAGER === '1',
    backend: tf.getBackend(),
  };
}

/** What computes, in words, for captions: `2 × AMD EPYC`, or `GPU`. */
export function deviceName(): string {
  const { cpu, cores } = presentMachine();
  return usesGpu() ? 'GPU' : `${cores} × ${cpu}`;
}
