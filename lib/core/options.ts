/**
 * Options, each described once: its comment, what it may be, and its default.
 *
 *     const OPTIONS = {
 *       /** Fast steps between two slow ones. At least 1. Default 5. *\/
 *       k: whole({ min: 1 }, 5),
 *     };
 *     type LookaheadOptions = OptionsOf<typeof OPTIONS>;             // { k?: number }, with its comment
 *     const { k } = checkOptions('lookahead', OPTIONS, options);     // checked, with defaults
 *
 * The JSON of runs and the wrong calls of the fault test are made of the same descriptions. Spreading the
 * description of another file keeps its checks, but loses its comments in declarations: write
 * `type Both = ThoseOptions & OptionsOf<typeof OWN>` there.
 *
 * Why no schema library: notebooks read declarations with TypeScript 5.0. It finds 64 errors in those of zod
 * 4.6 and 18 in those of valibot 1.5, spends 4 and 6 seconds of processor time on them, and shows no comments
 * through zod. zod loads in 190 ms. Both say "expected number, received null" of no option, and valibot takes
 * Infinity for a number.
 */
import {
  checkNames,
  checkNumber,
  checkNumbers,
  checkObject,
  checkOneOf,
  choiceInWords,
  inWords,
  type NumberRange,
  OptionError,
} from './errors';

/**
 * What a checked object holds. `full`: all defaults. `minimal`: nothing that equals its default, so that
 * objects of one meaning have one form, also after the library has gained options.
 */
export type Form = 'full' | 'minimal';

/**
 * Checks a value at `path`, such as `optimizer.k`, and returns it in the given form. Throws an OptionError.
 */
export type Check<T> = (path: string, value: unknown, form: Form) => T;

/** Whether an option must be given, has a default, or may stay undefined. */
export type Presence = 'needed' | 'default' | 'optional';

/** What an option holds, roughly: the fault test knows what is wrong for each. */
export type Kind =
  | 'number'
  | 'whole'
  | 'choice'
  | 'flag'
  | 'text'
  | 'function'
  | 'numbers'
  | 'texts'
  | 'list'
  | 'signal'
  | 'object'
  | 'other';

/** The description of an option of type `T`. */
export interface Option<T, P extends Presence = Presence> {
  readonly kind: Kind;
  readonly presence: P;
  /** What it may be: the end of "k must be ...". */
  readonly allowed: string;
  readonly check: Check<T>;
  readonly default?: T;
}

/** The options of a function, by name. */
export type Description = { readonly [name: string]: Option<unknown> };

/** A function with options, and what describes them. */
export interface Described<F> {
  readonly make: F;
  readonly options: Description;
}

/** `make` with the description of its options, whose type is left to `make`. */
export function described<F>(make: F, options: Description): Described<F> {
  return { make, options };
}

/** Descriptions of objects that say by their field `kind` which options they have. */
export type Kinds = { readonly [kind: string]: Description };

type ValueOf<O> = O extends Option<infer T> ? T : never;
type Needed<D> = { [K in keyof D]: D[K] extends Option<unknown, 'needed'> ? K : never }[keyof D];
type Values<D, K extends keyof D> = { -readonly [P in K]: ValueOf<D[P]> };

/** The options of a description, as callers give them. */
export type OptionsOf<D> = Values<D, Needed<D>> & Partial<Values<D, Exclude<keyof D, Needed<D>>>>;

/** The options of a description, with defaults. */
export type SettingsOf<D> = {
  -readonly [K in keyof D]: D[K] extends Option<infer T, infer P>
    ? P extends 'optional'
      ? T | undefined
      : T
    : never;
};

/** Objects of several kinds. */
export type KindOf<D> = { [K in keyof D]: { kind: K } & OptionsOf<D[K]> }[keyof D];

/** The same options, where a kind alone stands for an object with nothing but that kind. */
export type WithKinds<O> = {
  [K in keyof O]: O[K] | (Exclude<O[K], undefined> extends { kind: infer N } ? N : never);
};

type Optional<T> = Option<T, 'optional'>;
type Defaulted<T> = Option<T, 'default'>;

/** An option with a check of its own. */
export function option<T>(kind: Kind, allowed: string, check: Check<T>): Optional<T> {
  return { kind, presence: 'optional', allowed, check };
}

/** An option that `is` decides about. */
export function where<T>(kind: Kind, allowed: string, is: (value: unknown) => boolean): Optional<T> {
  return option(kind, allowed, (path, value) => {
    if (!is(value)) throw new OptionError(path, value, allowed);
    return value as T;
  });
}

/** The same option, which must be given. */
export function needed<const T>(one: Option<T>): Option<T, 'needed'> {
  return { ...one, presence: 'needed', default: undefined };
}

/** The same option with a default, or with another one. */
export function withDefault<const T, D extends T>(one: Option<T>, value: D): Defaulted<T> {
  return { ...one, presence: 'default', default: value };
}

function perhaps<T>(one: Optional<T>, fallback: T | undefined): Optional<T> | Defaulted<T> {
  return fallback === undefined ? one : withDefault(one, fallback);
}

/** A finite number. */
export function number(range?: NumberRange): Optional<number>;
export function number(range: NumberRange, fallback: number): Defaulted<number>;
export function number(range: NumberRange = {}, fallback?: number): Option<number> {
  return perhaps(
    option(range.integer ? 'whole' : 'number', inWords(range), (path, value) =>
      checkNumber(path, value, range),
    ),
    fallback,
  );
}

/** A whole number. */
export function whole(range?: NumberRange): Optional<number>;
export function whole(range: NumberRange, fallback: number): Defaulted<number>;
export function whole(range: NumberRange = {}, fallback?: number): Option<number> {
  return number({ ...range, integer: true }, fallback as number);
}

/** One of several values. */
export function oneOf<const T extends string | number | boolean>(values: readonly T[]): Optional<T>;
export function oneOf<const T extends string | number | boolean>(
  values: readonly T[],
  fallback: T,
): Defaulted<T>;
export function oneOf<const T extends string | number | boolean>(
  values: readonly T[],
  fallback?: T,
): Option<T> {
  return perhaps(
    option('choice', choiceInWords(values), (path, value) => checkOneOf(path, value, values)),
    fallback,
  );
}

/** True or false. */
export function flag(): Optional<boolean>;
export function flag(fallback: boolean): Defaulted<boolean>;
export function flag(fallback?: boolean): Option<boolean> {
  return perhaps(
    where<boolean>('flag', 'true or false', (value) => typeof value === 'boolean'),
    fallback,
  );
}

/** A text. */
export function text(): Optional<string>;
export function text(fallback: string): Defaulted<string>;
export function text(fallback?: string): Option<string> {
  return perhaps(
    where<string>('text', 'a text', (value) => typeof value === 'string'),
    fallback,
  );
}

/** A function. */
export function callback<F>(): Optional<F> {
  return where('function', 'a function', (value) => typeof value === 'function');
}

/** What stops long work. */
export function signal(): Optional<AbortSignal> {
  return where('signal', 'an AbortSignal', (value) => value instanceof AbortSignal);
}

/** Numbers in an array or a typed array. */
export function numbers<T extends ArrayLike<number> = readonly number[]>(
  range: NumberRange = {},
): Optional<T> {
  return option('numbers', 'a list of numbers', (path, value) => checkNumbers(path, value as T, range));
}

const LISTS: Partial<Record<Kind, Kind>> = { number: 'numbers', whole: 'numbers', text: 'texts' };

/** A list whose items are all of one kind. */
export function listOf<T>(item: Option<T>): Optional<readonly T[]>;
export function listOf<T>(item: Option<T>, fallback: readonly T[]): Defaulted<readonly T[]>;
export function listOf<T>(item: Option<T>, fallback?: readonly T[]): Option<readonly T[]> {
  const check: Check<readonly T[]> = (path, value, form) => {
    if (!Array.isArray(value)) throw new OptionError(path, value, 'a list');
    return Array.from(value, (one, i) => item.check(`${path}[${i}]`, one, form));
  };
  return perhaps(option(LISTS[item.kind] ?? 'list', 'a list', check), fallback);
}

/** An object that is checked elsewhere, or has nothing to check, such as a data set. */
export function object<T extends object = object>(allowed = 'an object'): Optional<T> {
  return where(
    'object',
    allowed,
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );
}

/** An object with options of its own. */
export function nested<D extends Description>(description: D): Optional<OptionsOf<D>> {
  return option('object', 'an object', (path, value, form) => checkFields(path, value, description, form));
}

/** Either of two. */
export function either<const A, const B>(one: Option<A>, other: Option<B>): Optional<A | B> {
  const accepts = ({ check }: Option<unknown>, value: unknown): boolean => {
    try {
      check('', value, 'full');
      return true;
    } catch (error) {
      if (error instanceof OptionError) return false;
      throw error;
    }
  };
  const allowed = `${one.allowed}, or ${other.allowed}`;
  return option<A | B>('other', allowed, (path, value, form) => {
    const fits = [one, other].find((part) => accepts(part, value));
    if (fits === undefined) throw new OptionError(path, value, allowed);
    return fits.check(path, value, form) as A | B;
  });
}

/**
 * The options of the function `what`, with defaults. Throws an OptionError where one is unknown, missing or
 * wrong.
 */
export function checkOptions<D extends Description>(
  what: string,
  description: D,
  given: unknown,
): SettingsOf<D> {
  checkObject(`${what}: options`, given);
  return fieldsOf('', given, description, 'full', what) as SettingsOf<D>;
}

/** Checks the object at `path` field by field. */
export function checkFields<D extends Description>(
  path: string,
  value: unknown,
  description: D,
  form: Form,
  what = path === '' ? 'the configuration' : path,
): OptionsOf<D> {
  checkObject(what, value);
  return fieldsOf(path, value, description, form, what) as OptionsOf<D>;
}

/**
 * Checks an object that says by its field `kind` which options it has. A text alone stands for an object with
 * nothing but that kind.
 */
export function checkKind<D extends Kinds>(path: string, value: unknown, kinds: D, form: Form): KindOf<D> {
  const whole = typeof value === 'string' ? { kind: value } : value;
  checkObject(path, whole);
  const { kind, ...rest } = whole as { kind?: unknown };
  const known = checkOneOf(`${path}.kind`, kind, Object.keys(kinds));
  return { kind: known, ...checkFields(path, rest, kinds[known], form, `${path} (${known})`) } as KindOf<D>;
}

function fieldsOf(path: string, given: object, description: Description, form: Form, what: string): object {
  checkNames(what, given, Object.keys(description));
  const result: Record<string, unknown> = {};
  for (const [name, one] of Object.entries(description)) {
    const at = path === '' ? name : `${path}.${name}`;
    const value = (given as Record<string, unknown>)[name];
    if (value === undefined) {
      if (one.presence === 'needed') throw new OptionError(at, value, one.allowed);
      if (form === 'full' && one.default !== undefined) result[name] = one.check(at, one.default, form);
      continue;
    }
    const checked = one.check(at, value, form);
    const isDefault =
      form === 'minimal' &&
      one.default !== undefined &&
      canonicalJson(checked) === canonicalJson(one.check(at, one.default, form));
    if (!isDefault) result[name] = checked;
  }
  return result;
}

/** JSON with the fields of each object in alphabetical order and without those that are undefined. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
