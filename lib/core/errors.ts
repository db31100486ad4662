/**
 * The errors that the library throws on purpose. Each says what was wrong and what to do.
 */

import { closest } from './closest';

/** Characters of the longest message: what a hostile file holds must not flood a terminal or a log. */
const LONGEST_MESSAGE = 4000;
/** Characters of a value in a message. */
const LONGEST_VALUE = 100;

/** Base class: `error instanceof LookbehindError` tells the library's own errors from all others. */
export class LookbehindError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(shorten(message, LONGEST_MESSAGE), options as ErrorOptions);
    this.name = new.target.name;
  }
}

/** An option has a value that it cannot have. */
export class OptionError extends LookbehindError {
  constructor(
    /** Name of the option, as the caller wrote it. */
    readonly option: string,
    /** The value it was given. */
    readonly value: unknown,
    /** What it may be, in words. */
    readonly allowed: string,
    /** Advice that goes beyond the allowed range, as a whole sentence. */
    advice = '',
    /** The message, if it is not made of the above. */
    message = `${option} must be ` +
      `${value === undefined ? `given: ${allowed}` : `${allowed}, got ${describe(value)}`}.`,
  ) {
    super(advice === '' ? message : `${message} ${advice}`);
  }
}

/** The native TensorFlow runtime is missing, damaged or of another version than the library was built for. */
export class NativeRuntimeError extends LookbehindError {}

/** Something that needs Node was called in a browser: files, other processes, or the native runtime. */
export class NeedsNodeError extends LookbehindError {}

/** Saved state does not belong to these weights: names or shapes differ. */
export class StateMismatchError extends LookbehindError {}

/** A data file is missing, damaged or not of the expected format. */
export class DataError extends LookbehindError {}

/** A loss, gradient or weight became NaN or infinite. */
export class DivergenceError extends LookbehindError {
  constructor(
    message: string,
    /** Where and why, for programs; training gives it. */
    readonly divergence?: Divergence,
  ) {
    super(message);
  }
}

/** Where a training diverged, and why. Plain JSON, but for numbers that are not finite. */
export interface Divergence {
  /** Epoch, counted from 1. */
  epoch: number;
  /** Step within the epoch, counted from 1. */
  step: number;
  /** The loss before that step: not finite, unless only the step's own result was not. */
  loss: number;
  /** What was not finite first, as far as can be told, in words. */
  cause: string;
  /** Epochs and steps that were done when the state was saved last; null where it never was. */
  lastSaved: { epoch: number; step: number } | null;
}

/**
 * A file or folder cannot be written or removed: the disk is full, read-only, or belongs to somebody else.
 * What was there before is whole.
 */
export class StorageError extends LookbehindError {
  constructor(
    /** The file or folder. */
    readonly path: string,
    /** The system's error. */
    cause: Error & { code?: string },
  ) {
    super(`${path} cannot be written: ${refusal(cause)}`, { cause });
  }
}

/** Work was stopped on request; what was done until then is kept. */
export class AbortedError extends LookbehindError {}

/** Range of a number, for `checkNumber`. */
export interface NumberRange {
  /** Smallest allowed value. */
  min?: number;
  /** Largest allowed value. */
  max?: number;
  /** Excludes `min` itself. */
  exclusiveMin?: boolean;
  /** Excludes `max` itself. */
  exclusiveMax?: boolean;
  /** Only whole numbers. */
  integer?: boolean;
}

/**
 * Returns `value` where it is a finite number in `range`, else throws an OptionError that names the option.
 *
 * @param advice What the message says further.
 */
export function checkNumber(
  option: string,
  value: unknown,
  range: NumberRange = {},
  advice?: () => string,
): number {
  const {
    min = Number.NEGATIVE_INFINITY,
    max = Number.POSITIVE_INFINITY,
    exclusiveMin,
    exclusiveMax,
    integer,
  } = range;
  const good =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    (exclusiveMin ? value > min : value >= min) &&
    (exclusiveMax ? value < max : value <= max) &&
    (!integer || Number.isInteger(value));
  if (!good) {
    const isInfinite = value === Infinity || value === -Infinity;
    throw new OptionError(option, value, inWords(range, isInfinite), advice?.());
  }
  return value;
}

/** Returns `value` where it is one of `allowed`, else throws an OptionError that names the option. */
export function checkOneOf<T extends string | number | boolean>(
  option: string,
  value: unknown,
  allowed: readonly T[],
): T {
  if (!allowed.includes(value as T)) {
    throw new OptionError(option, value, choiceInWords(allowed));
  }
  return value as T;
}

/** Returns `value` where it is a text, else throws an OptionError that names the option. */
export function checkText(option: string, value: unknown): string {
  if (typeof value !== 'string') throw new OptionError(option, value, 'a text');
  return value;
}

/**
 * Returns `value` where it is a list of numbers (an array or a typed array), each finite and in `range`, else
 * throws an OptionError.
 */
export function checkNumbers<T extends ArrayLike<number>>(
  option: string,
  value: T,
  range: NumberRange = {},
): T {
  if (!Array.isArray(value) && !(ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    throw new OptionError(option, value, 'a list of numbers');
  }
  const { length } = value;
  let at = 0;
  const where = (): string => (length === 1 ? '' : `It is number ${at} of 0 to ${length - 1}.`);
  for (; at < length; at++) checkNumber(option, value[at], range, where);
  return value;
}

/** Throws an OptionError where `value` is no plain object, the form in which options are given. */
export function checkObject(option: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw new OptionError(option, value, 'an object');
  }
}

/**
 * Throws an OptionError where `options` has a field that is not in `known`: a typo must not pass silently.
 */
export function checkNames(what: string, options: object, known: readonly string[]): void {
  const name = Object.keys(options).find((one) => !known.includes(one));
  if (name === undefined) return;
  const meant = closest(name, known);
  const others = known.length === 0 ? 'It has none.' : `It has ${known.join(', ')}.`;
  const value = (options as Record<string, unknown>)[name];
  const message = `${what} has no option ${describe(name)}.`;
  throw new OptionError(
    name,
    value,
    `one of ${known.join(', ')}`,
    meant ? `Did you mean ${meant}?` : others,
    message,
  );
}

/** Throws an AbortedError where `signal` was aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new AbortedError(`${what} was stopped on request.`, { cause: signal.reason });
}

/** Why the system refused to write, and what helps. */
function refusal({ code, message }: Error & { code?: string }): string {
  const goOn = 'then run the same again: what was saved before is kept.';
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk is full (${code}). Free some space, ${goOn}`;
    case 'EFBIG':
      return `the file would be larger than allowed (${code}). Raise the limit (ulimit -f), ${goOn}`;
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return (
        `it is read-only, or belongs to another user (${code}). ` +
        'Make it writable, or give another folder.'
      );
    case 'EEXIST':
    case 'ENOTDIR':
      return `there is a file where a folder is needed (${code}). Give another folder.`;
    default:
      return `${message}.`;
  }
}

/** Several values in words. */
export function choiceInWords(values: readonly unknown[]): string {
  const list = values.map((one) => JSON.stringify(one)).join(', ');
  return values.length === 1 ? list : `one of ${list}`;
}

/** A range in words. `finite` adds that the number must be finite, for whom infinity surprises. */
export function inWords(
  { min, max, exclusiveMin, exclusiveMax, integer }: NumberRange,
  finite = false,
): string {
  const bounds = [
    ...(min === undefined ? [] : [`${exclusiveMin ? '>' : '>='} ${min}`]),
    ...(max === undefined ? [] : [`${exclusiveMax ? '<' : '<='} ${max}`]),
  ];
  const noun = integer ? 'a whole number' : finite ? 'a finite number' : 'a number';
  return [noun, bounds.join(' and ')].filter(Boolean).join(' ');
}

/** A value as messages show it: as JSON where it has one, never long; tensors by shape, others by class. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shorten(value, LONGEST_VALUE));
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return shorten(String(value), LONGEST_VALUE);
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name} of ${value.byteLength} bytes`;
  const { shape, dtype } = value as { shape?: unknown; dtype?: unknown };
  if (Array.isArray(shape) && typeof dtype === 'string') return `a tensor of shape [${shape}]`;
  const { name = 'Object' } = value.constructor ?? {};
  if (name !== 'Object' && !Array.isArray(value)) return `an object of class ${name}`;
  try {
    // Tensors and functions within a list or record would be all of their fields, or null.
    const inside = (key: string, one: unknown) => (key === '' || isPlain(one) ? one : describe(one));
    return JSON.stringify(value, inside).slice(0, LONGEST_VALUE);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Whether JSON says what `value` is. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'function') return false;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return true;
  return [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

/** `text` where it has at most `most` characters, else its beginning and its end, and how long it is. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = Math.floor(most / 2) - 20;
  return `${text.slice(0, kept)} ... (${text.length} characters) ... ${text.slice(-kept)}`;
}
