/**
 * The results of a sweep as one HTML page that holds all it needs: tables that sort, parallel coordinates of
 * what differs and what was reached, and learning curves. It asks nothing of a network, and is light or dark
 * as the reader's system is.
 */
import { readFileSync } from 'node:fs';
import { escapeHtml, figureText } from '../core/escape';
import { curves, type Figure } from '../figures';
import { DARK_PAGE } from '../figures/theme';
import { type RunRow, runNames } from '../runs';
import { type FlatRow, type FlatValue, flattenConfig } from '../runs/config/flat';
import { settingNames } from '../runs/config/names';
import { SweepResults } from '../statistics/results';
import { flattenRow } from '../statistics/rows';
import { summarizeSample } from '../statistics/sample';
import { type Cell, renderTable, type TableRow } from '../statistics/table';
import type { EpochRecord } from '../training/loop';
import { adaptable, BUTTONS, compact } from './bundle';
import { insideScript } from './page';
import { find } from './static';

/** The bundle of plotly.js with parallel coordinates. */
const BUNDLE = 'plotly.js/dist/plotly-gl2d.min.js';
/** Curves that one plot can show. */
const MOST_CURVES = 6;
/** Columns of results that each run has, as tables and plots call them. */
const REACHED: Readonly<Record<string, string>> = {
  testError: 'test error (%)',
  trainLoss: 'train loss',
  gradientEvaluations: 'gradients',
  seconds: 'seconds',
};
/** From good to bad; both ends can be seen on white and on black. */
const SCALE = [
  [0, '#1f9ac9'],
  [0.5, '#b07ab0'],
  [1, '#e0603a'],
];

/** Throws a PictureError where plotly.js is not installed: `sweepPage` needs it. */
export function checkPagePackages(): void {
  find(BUNDLE);
}

/**
 * The page.
 *
 * @param summary What the runs cost, as a sentence.
 * @throws PictureError where plotly.js is not installed.
 */
export function sweepPage(rows: readonly RunRow[], summary: string): string {
  const configs = rows.map(({ config }) => config);
  const settings = settingNames(configs);
  const labeled = rows.map((row, i) => ({ ...row, config: { ...row.config, label: settings[i] } }));
  const results = new SweepResults(labeled);
  const flat = configs.map(flattenConfig);
  const columns = [...new Set(flat.flatMap((one) => Object.keys(one)))];
  const same = columns.filter((column) => flat.every((one) => one[column] === flat[0]![column]));
  const numbers = rows.map((row) => flattenRow(row));
  const measures = [...new Set(rows.flatMap(({ result }) => Object.keys(result?.measures ?? {})))];
  const reached = [...Object.keys(REACHED), ...measures].filter((column) =>
    numbers.some((one) => Number.isFinite(one[column])),
  );
  const shown = best(results, reached);
  const drawn = rows.flatMap((_, i) =>
    reached.every((one) => Number.isFinite(numbers[i]![one])) ? [i] : [],
  );
  const axes = [
    ...columns.flatMap(
      (column) =>
        choices(
          column,
          drawn.map((i) => flat[i]![column] ?? null),
        ) ?? [],
    ),
    ...reached.map((column) => ({
      label: figureText(titleOf(column)),
      values: drawn.map((i) => numbers[i]![column]),
    })),
  ];
  const plots = [
    parallel(
      axes,
      drawn.map((i) => numbers[i]![reached[0]!]),
    ),
    ...(reached.includes('testError')
      ? [learning(results, shown, 'Test error', '%', ({ testAccuracy }) => errorOf(testAccuracy))]
      : []),
    learning(results, shown, 'Train loss', undefined, ({ trainLoss }) => trainLoss),
  ];
  const unseen = rows.length - drawn.length;
  const part =
    shown.length === results.labels.length
      ? ''
      : `The ${shown.length} settings with the least ${titleOf(reached[0]!)}. `;
  const curvesNote = `${part}Mean over seeds, with a band of one standard deviation.`;
  const heading = `${rows.length} ${rows.length === 1 ? 'run' : 'runs'} of ${results.labels.length} settings`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(heading)}</title>
<style>${STYLE}</style>
<script>${insideScript(readFileSync(find(BUNDLE), 'utf8'))}</script>
</head>
<body>
<h1>${escapeHtml(heading)}</h1>
<p>${escapeHtml(summary)}</p>
<h2>Settings</h2>
<p>Mean ± standard deviation over seeds. A click on the head of a column sorts by it.</p>
<div class="wide">${settingsTable(results, reached)}</div>
<h2>What differs, and what was reached</h2>
<p>One line a run; drag along an axis to choose runs, and the name of an axis to move it.${
    unseen === 0 ? '' : ` ${unseen} without all results are left out.`
  }</p>
<div class="wide"><div class="plot" style="min-width: ${100 * axes.length}px"></div></div>
<h2>Learning curves</h2>
<p>${escapeHtml(curvesNote)}</p>
${'<div class="plot"></div>\n'.repeat(plots.length - 1)}<h2>Runs</h2>
<div class="wide">${runsTable(rows, numbers, reached)}</div>
<details><summary>The same in all runs</summary>
<div class="wide">${renderTable(same.map((option) => ({ option, value: `${flat[0]![option]}` }))).html}</div>
</details>
<script>
const figures = ${insideScript(JSON.stringify(plots))};
${SCRIPT}
</script>
</body>
</html>
`;
}

/** The settings whose curves are shown: those with the least of the first thing that was reached. */
function best(results: SweepResults, reached: readonly string[]): string[] {
  const meanOf = (label: string): number => {
    const { mean } = summarizeSample(reached.length === 0 ? [] : results.cell(label, reached[0]!));
    return Number.isNaN(mean) ? Number.POSITIVE_INFINITY : mean;
  };
  const order = [...results.labels].sort((a, b) => meanOf(a) - meanOf(b) || 0);
  return order.slice(0, MOST_CURVES);
}

function titleOf(column: string): string {
  return REACHED[column] ?? column;
}

function errorOf(accuracy: number | null): number {
  return accuracy === null ? Number.NaN : 100 * (1 - accuracy);
}

function settingsTable(results: SweepResults, reached: readonly string[]): string {
  const rows = results.labels.map((setting): TableRow => {
    const cells = reached.map((column): [string, Cell] => {
      const sample = results.cell(setting, column);
      // What is the same in all seeds has no deviation to tell.
      return [titleOf(column), new Set(sample).size === 1 && sample[0] !== 'failed' ? sample[0] : sample];
    });
    return { setting, runs: results.of(setting).length, ...Object.fromEntries(cells) };
  });
  const lowest = reached.includes('testError') ? { best: { [REACHED.testError!]: 'min' as const } } : {};
  return renderTable(rows, lowest).html;
}

function runsTable(rows: readonly RunRow[], numbers: readonly FlatRow[], reached: readonly string[]): string {
  const names = runNames(rows.map(({ config }) => config));
  const table = rows.map(({ status, hash, error }, i): TableRow => {
    const cells = reached.map((column): [string, Cell] => [titleOf(column), numbers[i]![column]]);
    return { run: names[i], status: error ?? status, ...Object.fromEntries(cells), hash };
  });
  return renderTable(table).html;
}

/** Parallel coordinates: a line for each run, colored by the first thing that was reached. */
function parallel(dimensions: readonly object[], color: readonly unknown[]): object {
  const line = { color, colorscale: SCALE, showscale: false };
  const layout = { height: 420, margin: { l: 90, r: 110, t: 90, b: 30 }, autosize: true };
  const config = { ...BUTTONS, responsive: true };
  return { data: [{ type: 'parcoords', dimensions, line, labelangle: -20 }], layout, config };
}

/**
 * An axis of the values that an option takes, evenly apart: numbers in order, then words; first, that a run
 * has no such option. Nothing where all that have it have the same.
 */
function choices(column: string, values: readonly FlatValue[]): object | undefined {
  const rank = (value: FlatValue): number => (value === null ? 0 : typeof value === 'number' ? 1 : 2);
  const order = [...new Set(values)].sort((a, b) => rank(a) - rank(b) || (a! < b! ? -1 : 1));
  if (order.filter((value) => value !== null).length < 2) return undefined;
  return {
    label: figureText(column.replace(/^optimizer\./, '')),
    values: values.map((value) => order.indexOf(value)),
    tickvals: order.map((_, i) => i),
    ticktext: order.map((value) => (value === null ? '–' : String(value))),
  };
}

/** Curves of some settings over the epochs. */
function learning(
  results: SweepResults,
  settings: readonly string[],
  title: string,
  unit: string | undefined,
  take: (record: EpochRecord) => number,
): object {
  const styles = settings.map((label) => results.style(label));
  const isDistinct = new Set(styles.map(({ method, k }) => `${method} ${k}`)).size === settings.length;
  const series = settings.map((label, i) => {
    const histories = results.of(label).map((row) => (row.result === null ? [] : (row.history?.() ?? [])));
    const longest = Math.max(...histories.map(({ length }) => length));
    const epochs = Array.from({ length: longest }, (_, epoch) => epoch).filter((epoch) =>
      histories.some((history) => history[epoch] !== undefined && Number.isFinite(take(history[epoch]))),
    );
    const runs = histories.map((history) =>
      epochs.map((epoch) => (history[epoch] === undefined ? Number.NaN : take(history[epoch]))),
    );
    // Settings of one method would look alike in its style.
    const style = isDistinct ? styles[i]! : { method: `setting ${'abcdef'[i]}` };
    return { ...style, label, x: epochs.map((epoch) => epoch + 1), runs };
  });
  const figure = curves({ series, y: { title, unit } });
  const { title: _, width: __, ...layout } = figure.layout;
  const below = { orientation: 'h', x: 0, xanchor: 'left', y: -0.18, yanchor: 'top' };
  const margin = { l: 60, r: 12, t: 16, b: 60 };
  const bare: Figure = {
    ...figure,
    layout: { ...layout, height: 380 + 20 * settings.length, legend: below, margin },
  };
  return adaptable(compact(bare));
}

const STYLE = `
body { margin: 24px auto; padding: 0 16px; max-width: 1280px; background: #fff; color: #1f2328;
  font: 15px/1.5 Arial, "Liberation Sans", Helvetica, sans-serif; }
h1 { font-size: 24px; } h2 { font-size: 18px; margin-top: 32px; } p { color: #59636e; max-width: 80ch; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
th, td { padding: 4px 12px; border-bottom: 1px solid #d0d7de; }
td:first-child { white-space: nowrap; }
th button { all: unset; cursor: pointer; font-weight: bold; white-space: nowrap; }
th button:focus-visible { outline: 2px solid; }
th[aria-sort=ascending] button::after { content: " \\25B2"; }
th[aria-sort=descending] button::after { content: " \\25BC"; }
summary { cursor: pointer; margin-top: 24px; }
${DARK_PAGE}`;

const SCRIPT = `
for (const table of document.querySelectorAll('table')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.textContent = head.textContent;
    head.replaceChildren(button);
    const isNumber = head.style.textAlign === 'right';
    button.addEventListener('click', () => {
      const order = head.getAttribute('aria-sort') === 'ascending' ? 'descending' : 'ascending';
      for (const one of heads) one.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', order);
      const sign = order === 'ascending' ? 1 : -1;
      const rows = [...table.tBodies[0].rows].map((row) => {
        const text = row.cells[column].textContent;
        return { row, text, number: parseFloat(text.replaceAll(',', '').replace('\\u2212', '-')) };
      });
      rows.sort((a, b) =>
        isNumber
          ? Number.isNaN(a.number) - Number.isNaN(b.number) || sign * (a.number - b.number) || 0
          : sign * a.text.localeCompare(b.text, 'en', { numeric: true }),
      );
      table.tBodies[0].append(...rows.map(({ row }) => row));
    });
  });
}
const plots = document.querySelectorAll('.plot');
figures.forEach((figure, i) => Plotly.newPlot(plots[i], figure));
`;
