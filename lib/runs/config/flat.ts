/** A configuration as one flat row: `optimizer: 'sam', 'optimizer.rho': 0.05`. */
import type { FullRunConfig } from './config';

/** A value of a flat row. */
export type FlatValue = string | number | boolean | null;

/** A run as one flat row: columns by name. */
export type FlatRow = Record<string, FlatValue>;

/** All that a run depends on but its seed, in the order in which readers want it. */
export function flattenConfig(config: FullRunConfig): FlatRow {
  const {
    data,
    model,
    optimizer,
    schedule,
    augmentation,
    noise,
    measures: _measures,
    label: _label,
    profile: _profile,
    seed: _seed,
    ...settings
  } = config;
  const kinds = { data, model, optimizer, schedule, augmentation, noise };
  return { ...flatten('', kinds), ...flatten('', settings) };
}

/** `{ kind: 'sam', rho: .1 }` named `optimizer`: `optimizer: 'sam'`, `optimizer.rho: .1`. */
function flattenKind(name: string, { kind, ...options }: { kind?: string }): FlatRow {
  return { ...(kind === undefined ? {} : { [name]: kind }), ...flatten(`${name}.`, options) };
}

function inWords(item: unknown): string {
  return typeof item === 'object' ? JSON.stringify(item) : String(item);
}

function flatten(prefix: string, options: object): FlatRow {
  const flat: FlatRow = {};
  for (const [name, value] of Object.entries(options)) {
    if (Array.isArray(value)) flat[`${prefix}${name}`] = value.map(inWords).join(' ');
    else if (typeof value === 'object' && value !== null)
      Object.assign(flat, flattenKind(`${prefix}${name}`, value));
    else flat[`${prefix}${name}`] = value;
  }
  return flat;
}
