/**
 * The command-line options that the benchmarks of one step share.
 */
import type { ParseArgsConfig } from 'node:util';

/** A wrong option on the command line. */
export class UsageError extends Error {}

/** Options of both, for node:util's parseArgs. */
export const SETTING_OPTIONS = {
  batch: { type: 'string' },
  k: { type: 'string', default: '5' },
  rounds: { type: 'string', default: '20' },
  alpha: { type: 'string', default: '0.5' },
  threads: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

/** Lines on them for a usage message. */
export const SETTING_USAGE = `  --batch N      samples per batch (default 128; resnet34: 32)
  --k K          steps back per step forward (default 5)
  --rounds R     timed steps (default 20)
  --alpha A      interpolation factor in [0, 1], or adaptive (default 0.5)
  --threads T    threads of each program (default: all cores)`;

/** A whole number above 0. */
export function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value > 0))
    throw new UsageError(`--${option} must be a whole number above 0, got ${text}.`);
  return value;
}

/** A number in [0, 1] or `adaptive`. */
export function alphaOf(text: string): number | 'adaptive' {
  const value = Number(text);
  if (text !== 'adaptive' && !(value >= 0 && value <= 1))
    throw new UsageError(`--alpha must be in [0, 1] or adaptive, got ${text}.`);
  return text === 'adaptive' ? text : value;
}

/** One of `allowed`. */
export function oneOf(option: string, text: string, allowed: readonly string[]): string {
  if (!allowed.includes(text))
    throw new UsageError(`--${option} must be one of ${allowed.join(', ')}, got ${text}.`);
  return text;
}

/** The published batch size for a model: the deep net runs on fewer samples. */
export function defaultBatch(model: string): string {
  return model === 'resnet34' ? '32' : '128';
}

/** Sets the number of threads. TensorFlow reads it when it is loaded, so call this before. */
export function setThreads(threads: string | undefined): void {
  if (threads === undefined) return;
  const count = String(positive('threads', threads));
  process.env.TF_NUM_INTRAOP_THREADS = count;
  process.env.TF_NUM_INTEROP_THREADS = count;
  process.env.OMP_NUM_THREADS = count;
}

/** Prints what went wrong, with the usage where an option was wrong. */
export function report(error: unknown, usage: string): void {
  console.error(error instanceof UsageError ? `${error.message}\n\n${usage}` : error);
  process.exitCode = 1;
}
