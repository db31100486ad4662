/**
 * Descriptions of JSON: which fields an object may have, what each may hold, and what it holds where it is left out.
 */
import { checkNames, checkNumber, checkOneOf, type NumberRange, OptionError } from '../../core/errors';

/**
 * Which form a checked object takes: `full` writes all defaults out, `minimal` leaves out what equals its default, so that
 * objects of one meaning have one form, also after fields with defaults were added to the library.
 */
export type Form = 'full' | 'minimal';

/** Checks a value at `path`, such as `optimizer.k`, and returns it in the given form. Throws an OptionError. */
export type Check<T> = (path: string, value: unknown, form: Form) => T;

/** One field of an object. */
export interface Field<T> {
  check: Check<T>;
  /** The field must be there. Default false. */
  required?: boolean;
  /** What is meant where the field is left out. Undefined: the field stays out. */
  default?: T;
  /** Whether the value is a list, so that a list of lists stands for several values in a grid. */
  isList?: boolean;
}

/** All fields of an object of type `T`. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> };

/** A number. */
export function number(range: NumberRange, fallback?: number): Field<number> {
  return { check: (path, value) => checkNumber(path, value, range), default: fallback };
}

/** One of several values. */
export function oneOf<T extends string | number | boolean>(allowed: readonly T[], fallback?: T): Field<T> {
  return { check: (path, value) => checkOneOf(path, value, allowed), default: fallback };
}

/** True or false. */
export function flag(fallback?: boolean): Field<boolean> {
  return oneOf([true, false], fallback);
}

/** A text. */
export function text(): Field<string> {
  return {
    check: (path, value) => {
      if (typeof value !== 'string') throw new OptionError(path, value, 'a text');
      return value;
    },
  };
}

/** A list whose items are all of one kind. */
export function listOf<T>(item: Field<T>, fallback?: readonly T[]): Field<T[]> {
  return {
    isList: true,
    default: fallback as T[] | undefined,
    check: (path, value, form) => {
      if (!Array.isArray(value)) throw new OptionError(path, value, 'a list');
      return value.map((one, i) => item.check(`${path}[${i}]`, one, form));
    },
  };
}

/** The same field, which must be there. */
export function required<T>(field: Field<T>): Field<T> {
  return { ...field, required: true };
}

/** Checks an object field by field. */
export function checkFields<T extends object>(path: string, value: unknown, fields: Fields<T>, form: Form): T {
  const given = checkObject(path, value);
  const names = Object.keys(fields);
  checkNames(path === '' ? 'configuration' : path, given, names);
  const result: Record<string, unknown> = {};
  for (const name of names) {
    const field = fields[name as keyof T] as Field<unknown>;
    const at = path === '' ? name : `${path}.${name}`;
    const item = given[name];
    const fallback = field.default === undefined ? undefined : field.check(at, field.default, form);
    if (item === undefined) {
      if (field.required) throw new OptionError(at, item, 'given');
      if (form === 'full' && fallback !== undefined) result[name] = fallback;
      continue;
    }
    const checked = field.check(at, item, form);
    if (form === 'full' || canonicalJson(checked) !== canonicalJson(fallback)) result[name] = checked;
  }
  return result as T;
}

/** Objects that say by their field `kind` which fields they have. A text alone stands for an object with nothing but that kind. */
export function checkKind<T extends { kind: string }>(
  path: string,
  value: unknown,
  kinds: { readonly [K in T['kind']]: Check<object> },
  form: Form,
): T {
  const { kind, ...rest } = typeof value === 'string' ? { kind: value } : checkObject(path, value);
  const known = checkOneOf(`${path}.kind`, kind, Object.keys(kinds)) as T['kind'];
  return { kind: known, ...kinds[known](path, rest, form) } as T;
}

/** Returns `value` where it is a plain object. */
export function checkObject(path: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new OptionError(path === '' ? 'configuration' : path, value, 'an object');
  }
  return value as Record<string, unknown>;
}

/** JSON with the fields of each object in alphabetical order and without those that are undefined. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
