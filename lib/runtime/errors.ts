/**
 * The errors that the library throws on purpose. Each says what was wrong and what to do.
 */

/** Base class: `error instanceof LookbehindError` tells the library's own errors from all others. */
export class LookbehindError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options as ErrorOptions);
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
  ) {
    super(`${option} must be ${allowed}, got ${describe(value)}.${advice === '' ? '' : ` ${advice}`}`);
  }
}

/** The native TensorFlow runtime is missing, damaged or of another version than the library was built for. */
export class NativeRuntimeError extends LookbehindError {}

/** Saved state does not belong to these weights: names or shapes differ. */
export class StateMismatchError extends LookbehindError {}

/** A data file is missing, damaged or not of the expected format. */
export class DataError extends LookbehindError {}

/** A loss, gradient or weight became NaN or infinite. */
export class DivergenceError extends LookbehindError {}

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
  /** Only whole numbers. */
  integer?: boolean;
}

/** Returns `value` where it is a finite number in `range`, else throws an OptionError that names the option. */
export function checkNumber(option: string, value: unknown, range: NumberRange = {}): number {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, exclusiveMin = false, integer = false } = range;
  const good =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    (exclusiveMin ? value > min : value >= min) &&
    value <= max &&
    (!integer || Number.isInteger(value));
  if (!good) throw new OptionError(option, value, rangeInWords(range));
  return value;
}

/** Returns `value` where it is one of `allowed`, else throws an OptionError that names the option. */
export function checkOneOf<T extends string | number | boolean>(option: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) {
    throw new OptionError(option, value, `one of ${allowed.map((one) => JSON.stringify(one)).join(', ')}`);
  }
  return value as T;
}

/** Throws an OptionError where `options` has a field that is not in `known`: a typo must not pass silently. */
export function checkKnownOptions(what: string, options: object, known: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new OptionError(
        `${what}: option "${name}"`,
        (options as Record<string, unknown>)[name],
        `one of ${known.join(', ')}`,
      );
    }
  }
}

/** Throws an AbortedError where `signal` was aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new AbortedError(`${what} was stopped on request.`, { cause: signal.reason });
}

function rangeInWords({ min, max, exclusiveMin = false, integer = false }: NumberRange): string {
  const noun = integer ? 'a whole number' : 'a finite number';
  const parts: string[] = [];
  if (min !== undefined) parts.push(`${exclusiveMin ? '>' : '>='} ${min}`);
  if (max !== undefined) parts.push(`<= ${max}`);
  return parts.length === 0 ? noun : `${noun} ${parts.join(' and ')}`;
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value).slice(0, 100);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
