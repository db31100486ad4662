/** Data sets, networks, optimizers and runs as readers call them. */
import type { FullRunConfig } from './config';
import { type DataConfig, dataSetOf } from './dataConfig';
import { type FlatRow, type FlatValue, flattenConfig } from './flat';
import type { ModelConfig } from './modelConfig';
import type { OptimizerConfig } from './optimizerConfig';

/** The name of a data set, with its size where that is not the published one: `CIFAR-10, 512 images`. */
export function dataName(data: DataConfig): string {
  const { kind, trainSize } = data;
  const name = dataSetOf(data).title ?? kind;
  return trainSize === undefined ? name : `${name}, ${trainSize.toLocaleString('en')} images`;
}

/** The name of a network: `ResNet-34`, `WRN-28-10`; with its width where that is not the published one. */
export function modelName(model: ModelConfig): string {
  const width = 'width' in model && model.width !== undefined ? `, width ${model.width}` : '';
  switch (model.kind) {
    case 'resNet':
      return `ResNet-${model.depth}${width}`;
    case 'wideResNet':
      return `WRN-${model.depth ?? 28}-${model.widen ?? 10}${width}`;
    case 'own':
      return model.name;
    default:
      return model.kind;
  }
}

/** Letters of the paper for its numbers. */
const LETTERS: Readonly<Record<string, string>> = { alpha: 'α', rho: 'ρ', eta: 'η', sigma: 'σ' };

/** `α=0.5` for `optimizer.alpha`, `units=8` for `model.options.units`. */
function told(column: string, value: FlatValue): string {
  const path = column.replace(/^(data|model)\.options\./, '$1.').split('.');
  const words = path.slice(path.length > 1 ? 1 : 0).map((name) => LETTERS[name] ?? name);
  return `${words.join('.')}=${String(value).replaceAll(' ', ',')}`;
}

/** An optimizer in a few words, `sam ρ=0.05 learningRate=0.1`: its kind and what tells methods apart. */
export function describeOptimizer(optimizer: OptimizerConfig): string {
  const options = ['k', 'alpha', 'rho', 'eta', 'learningRate'] as const;
  const values = optimizer as unknown as Readonly<Record<string, FlatValue | undefined>>;
  const words = options.flatMap((name) => (values[name] === undefined ? [] : [told(name, values[name])]));
  const base =
    'base' in optimizer && optimizer.base !== undefined ? ` over ${describeOptimizer(optimizer.base)}` : '';
  return `${[optimizer.kind, ...words].join(' ')}${base}`;
}

/** What a name says of each method, whether others differ in it or not. */
const ALWAYS = ['optimizer.k', 'optimizer.alpha'];

/**
 * Names of runs that say what differs: `lookbehindSAM k=5 α=0.5 seed 3`. A run is called by its label, or by
 * its optimizer, inner steps and alpha; then come the options in which it differs from others that are called
 * alike, and its seed.
 *
 * @param configs The runs among which a name tells one apart, such as those of a sweep.
 */
export function runNames(configs: readonly FullRunConfig[]): string[] {
  const settings = settingNames(configs);
  return configs.map(({ seed }, i) => `${settings[i]} seed ${seed}`);
}

/** `runNames` without seeds: runs that differ in nothing else have one name. */
export function settingNames(configs: readonly FullRunConfig[]): string[] {
  const rows = configs.map((config) => {
    const { optimizer, ...flat } = flattenConfig(config);
    const base = flat['optimizer.base'];
    const kind = base === undefined ? optimizer : `${optimizer} over ${base}`;
    return { flat, kind: config.label ?? `${kind}`, label: config.label };
  });
  const alike = new Map<string, FlatRow[]>();
  for (const { kind, flat } of rows)
    alike
      .set(kind, alike.get(kind) ?? [])
      .get(kind)!
      .push(flat);
  const differing = new Map([...alike].map(([kind, flats]) => [kind, differingColumns(flats)]));
  return rows.map(({ flat, kind, label }) => {
    const differs = differing.get(kind)!;
    const isTold = (column: string) =>
      differs.has(column) || (label === undefined && ALWAYS.includes(column));
    const columns = Object.keys(flat).filter(isTold);
    const own = columns.filter((column) => column.startsWith('optimizer.'));
    const words = [...new Set([...own, ...columns])].map((column) => told(column, flat[column]!));
    return [kind, ...words].join(' ');
  });
}

/** Columns in which rows differ. */
function differingColumns(rows: readonly FlatRow[]): ReadonlySet<string> {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return new Set(columns.filter((column) => rows.some((row) => row[column] !== rows[0]![column])));
}
