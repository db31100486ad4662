/**
 * Chooses settings: among the runs of each group, the configuration with the best mean over its seeds.
 *
 * Choose on seeds and samples (`evaluateOn: 'selection'`) that the comparison does not use; the best of many
 * means is too good.
 */
import { OptionError } from '../core/errors';
import { checkOptions, type OptionsOf } from '../core/options';
import { own } from '../core/records';
import { mean } from '../core/spread';
import { configHash, type FullRunConfig } from '../runs/config/config';
import { type FlatRow, flattenConfig } from '../runs/config/flat';
import type { RunRow } from '../runs/sweep';
import { BEST, GROUP, type GroupOptions, groupsOf, signOf } from './comparisons';
import { edgeOf } from './randomSearch';
import { flattenRow } from './rows';

/** Options of `bestSettings`. */
export type BestSettingsOptions = GroupOptions & OptionsOf<typeof BEST>;

/** A configuration, whatever its seed, and what it reached. */
export interface Setting {
  /** The configuration of its first run. */
  config: FullRunConfig;
  /** Mean over its runs; NaN where one of them diverged or failed, as it is then not to be chosen. */
  mean: number;
  /** One value per run, in their order; NaN where there is none. */
  values: number[];
}

/** The best setting at one value of an option. */
export interface SettingAlong extends Setting {
  /** The value of the option. */
  at: number;
}

/** The settings of a group. */
export interface GroupSettings {
  /** The values of the columns `by`. */
  group: FlatRow;
  /** The setting with the best mean. */
  best: Setting;
  /** All settings, in order of first appearance. */
  settings: Setting[];
  /**
   * The columns of `flattenConfig`, such as `optimizer.rho`, whose value in the best setting is the least or
   * the largest of three or more that were tried: better ones may lie outside.
   */
  edges: Readonly<Record<string, 'low' | 'high'>>;
}

/**
 * The settings of each group and the best of them; the first one where several are equally good.
 *
 * @example
 * const optimizer = { kind: 'sam', learningRate: [0.1, 0.3], rho: [0.1, 0.2] };
 * const tried = await sweep({ ..., label: 'SAM', optimizer, seeds: [100, 101] });
 * const [{ best }] = bestSettings(tried);
 * await sweep({ ..., optimizer: best.config.optimizer, seeds: 10 });
 * @throws OptionError where a column is unknown, or a group has no setting without a diverged or failed run.
 */
export function bestSettings(rows: readonly RunRow[], options: BestSettingsOptions = {}): GroupSettings[] {
  const { by, value, best } = checkOptions('bestSettings', { ...GROUP, ...BEST }, options);
  const sign = signOf(best);
  const runs = new Map(rows.map((row) => [flattenRow(row), row.config]));
  return groupsOf([...runs.keys()], by).map(({ group, members }) => {
    const found = new Map<string, Setting>();
    for (const row of members) {
      const config = runs.get(row)!;
      const hash = configHash({ ...config, seed: 0 });
      if (!found.has(hash)) found.set(hash, { config, mean: Number.NaN, values: [] });
      found.get(hash)!.values.push(Number(own(row, value) ?? Number.NaN));
    }
    const settings = [...found.values()];
    for (const setting of settings) setting.mean = mean(setting.values);
    const usable = settings.filter((setting) => Number.isFinite(setting.mean));
    if (usable.length === 0) {
      const name = Object.values(group).join(' ');
      throw new OptionError(
        'value',
        value,
        `a column in which a setting of "${name}" has numbers for all of its runs`,
      );
    }
    const chosen = usable.reduce((a, b) => (sign * b.mean < sign * a.mean ? b : a));
    return { group, settings, best: chosen, edges: edgesOf(chosen, settings) };
  });
}

/**
 * The best setting at each value of one option, by rising value: does the best lie inside of what was tried,
 * and is it a sharp one? Settings without a mean, since a run diverged, are left out.
 *
 * @param settings Settings of one group.
 * @param option The option's value in a configuration: its learning rate, for example.
 * @param best Which mean is the best. Default `lowest`.
 */
export function bestAlong(
  settings: readonly Setting[],
  option: (config: FullRunConfig) => number,
  best: 'lowest' | 'highest' = 'lowest',
): SettingAlong[] {
  const sign = signOf(best);
  const found = new Map<number, SettingAlong>();
  for (const setting of settings.filter(({ mean }) => Number.isFinite(mean))) {
    const at = option(setting.config);
    const other = found.get(at);
    if (other === undefined || sign * setting.mean < sign * other.mean) found.set(at, { ...setting, at });
  }
  return [...found.values()].sort((a, b) => a.at - b.at);
}

/** The options at an end of what was tried, also of settings that diverged. */
function edgesOf(chosen: Setting, settings: readonly Setting[]): GroupSettings['edges'] {
  const tried = settings.map(({ config }) => flattenConfig(config));
  const found = Object.entries(flattenConfig(chosen.config)).flatMap(([option, value]) => {
    if (typeof value !== 'number') return [];
    const values = tried.map((row) => row[option]).filter((one) => typeof one === 'number');
    const edge = edgeOf({ of: [...new Set(values)] }, value);
    return edge === null ? [] : [[option, edge] as const];
  });
  return Object.fromEntries(found);
}
