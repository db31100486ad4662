/** A table of numbers as colors with the numbers in the cells, as for k × alpha. */

import { OptionError } from '../core/errors';
import { figureText } from '../core/escape';
import { colorBarTitle, compose, type FigureOptions } from './compose';
import { extent } from './extent';
import type { Annotation, Figure, Numbers } from './figure';
import { COLORS, colorAt, DIVERGING, readableOn, reversed, SEQUENTIAL } from './theme';

/** Options of `heatmap`. */
export interface HeatmapOptions extends FigureOptions {
  /** Column heads, left to right. */
  columns: readonly (string | number)[];
  /** Row heads, top to bottom. */
  rows: readonly (string | number)[];
  /** One row of numbers per row head; NaN or infinite if there is none. */
  values: readonly Numbers[];
  /** Spread of each value, written behind it as ±. Default: none. */
  spreads?: readonly Numbers[];
  /** Further lines in each cell, in small letters; empty if there are none. Default: none. */
  notes?: readonly (readonly string[])[];
  /** What the columns are. */
  x: string;
  /** What the rows are. */
  y: string;
  /** What the values are, with unit: stands at the color bar. */
  z: string;
  /** Digits behind the decimal point. Default 1. */
  digits?: number;
  /** Text in cells without a number: one for all, or one row of texts per row head. Default: diverged. */
  missing?: string | readonly (readonly string[])[];
  /**
   * Which is better: that cell gets a frame, and good ones are dark. Default: no frame, large ones are dark.
   */
  best?: 'min' | 'max';
  /**
   * Colors tell on which side of this value others lie, and how far from it. Default: they only rise.
   */
  middle?: number;
  /** Writes the values into the cells: for few of them. Default true. */
  numbers?: boolean;
  /**
   * Values at the ends of the colors. Default: smallest and largest value, but for outliers: values farther
   * from the middle half of all than 1.5 times its extent.
   */
  range?: readonly [number, number];
}

/**
 * Values over two options, written in the cells; diverged cells are gray and say so, the best has a frame.
 * @throws {OptionError} if `values`, `spreads`, `notes` or `missing` don't have the shape of rows × columns.
 */
export function heatmap(options: HeatmapOptions): Figure {
  const {
    columns,
    rows,
    values,
    spreads,
    notes,
    middle,
    digits = 1,
    best,
    range,
    missing = 'diverged',
    numbers = true,
  } = options;
  checkShape('values', values, rows.length, columns.length);
  if (spreads) checkShape('spreads', spreads, rows.length, columns.length);
  if (notes) checkShape('notes', notes, rows.length, columns.length);
  if (typeof missing !== 'string') checkShape('missing', missing, rows.length, columns.length);
  const finite = values.flatMap((row) => Array.from(row).filter(Number.isFinite));
  const [smallest, largest] = extent(finite);
  const [low, high] = range ?? (middle === undefined ? withoutOutliers(finite) : around(middle, finite));
  const rising = middle === undefined ? SEQUENTIAL : DIVERGING;
  const scale = best === 'min' ? reversed(rising) : rising;
  const noteAt = (r: number, c: number): string => {
    const note = notes === undefined ? '' : notes[r]![c]!;
    const lines = note === '' ? [] : note.split('\n');
    return lines.map((line) => `<br>${small(figureText(line))}`).join('');
  };
  const chosen = best === undefined || finite.length === 0 ? undefined : best === 'min' ? smallest : largest;
  const z = values.map((row) => Array.from(row, (value) => (Number.isFinite(value) ? value : null)));
  const text = values.map((row, r) =>
    Array.from(row, (value, c) => {
      if (!Number.isFinite(value)) return '';
      const number = figureText(value.toFixed(digits));
      const color = readableOn(colorAt(scale, high > low ? (value - low) / (high - low) : 0.5));
      const spread = spreads ? `<br>± ${spreads[r]![c]!.toFixed(digits)}` : '';
      return `<span style="color:${color}">${number}${spread}${noteAt(r, c)}</span>`;
    }),
  );
  const gaps: Annotation[] = values.flatMap((row, r) =>
    Array.from(row, (value, c) => ({ value, c }))
      .filter(({ value }) => !Number.isFinite(value))
      .map(({ c }) => ({
        text: figureText(typeof missing === 'string' ? missing : missing[r]![c]) + noteAt(r, c),
        x: c,
        y: r,
        showarrow: false,
        font: { size: 11, color: COLORS.muted },
      })),
  );
  const frames = values.flatMap((row, r) =>
    Array.from(row, (value, c) => ({ value, c }))
      .filter(({ value }) => value === chosen)
      .map(({ c }) => ({
        type: 'rect',
        x0: c - 0.5,
        x1: c + 0.5,
        y0: r - 0.5,
        y1: r + 0.5,
        line: { color: COLORS.ink, width: 2.5 },
      })),
  );
  /** Without numbers in cells there are many of these: `most` heads are written, or they would be turned. */
  const ticks = (heads: readonly (string | number)[], most: number) => {
    const places = heads.map((_, i) => i);
    const shown = numbers ? places : places.filter((i) => i % Math.ceil(heads.length / most) === 0);
    return {
      tickmode: 'array',
      tickvals: shown,
      ticktext: shown.map((i) => figureText(String(heads[i]))),
      showgrid: false,
      showline: false,
      ticks: '',
    };
  };
  const longest = Math.max(...rows.map((head) => String(head).length));
  return compose(
    {
      data: [
        {
          type: 'heatmap',
          z,
          ...(numbers ? { text, texttemplate: '%{text}', textfont: { size: 12 } } : {}),
          x: columns.map((_, i) => i),
          y: rows.map((_, i) => i),
          xgap: numbers ? 2 : 1,
          ygap: numbers ? 2 : 1,
          colorscale: scale,
          ...(finite.length > 0 || range ? { zmin: low, zmax: high } : {}),
          colorbar: { title: colorBarTitle(options.z) },
          hovertemplate:
            `${figureText(options.y)} %{customdata[0]}<br>${figureText(options.x)} ` +
            `%{customdata[1]}<br>${figureText(options.z)} %{z:.4~g}<extra></extra>`,
          customdata: rows.map((row) =>
            columns.map((column) => [figureText(String(row)), figureText(String(column))]),
          ),
          hoverongaps: false,
        },
      ],
      // Texts of gaps would widen a range that plotly.js chooses.
      xaxis: {
        title: { text: figureText(options.x) },
        ...ticks(columns, 4),
        range: [-0.5, columns.length - 0.5],
      },
      yaxis: { title: { text: figureText(options.y) }, ...ticks(rows, 6), autorange: 'reversed' },
      annotations: missing === '' ? [] : gaps,
      left: Math.max(70, 48 + longest * 7),
      layout: {
        plot_bgcolor: missing === '' ? COLORS.paper : COLORS.diverged,
        showlegend: false,
        ...(frames.length > 0 ? { shapes: frames } : {}),
      },
    },
    options,
    {
      title: `${options.z} over ${options.y} and ${options.x}`,
      height: Math.max(300, 140 + rows.length * 58),
    },
  );
}

function small(text: string): string {
  return `<span style="font-size:10px">${text}</span>`;
}

/** The range around `middle` that holds all values. */
function around(middle: number, values: readonly number[]): [number, number] {
  const reach = Math.max(...values.map((value) => Math.abs(value - middle)), 0);
  return [middle - reach, middle + reach];
}

/** The smallest and the largest value that is no outlier by Tukey's rule. */
function withoutOutliers(values: readonly number[]): [number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const quartile = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
  const reach = 1.5 * (quartile(0.75) - quartile(0.25));
  return extent(sorted.filter((value) => value >= quartile(0.25) - reach && value <= quartile(0.75) + reach));
}

function checkShape(
  option: string,
  table: readonly (Numbers | readonly string[])[],
  rows: number,
  columns: number,
): void {
  const good = table.length === rows && table.every((row) => row.length === columns);
  if (!good) {
    throw new OptionError(
      option,
      table.map((row) => row.length),
      `${rows} rows of ${columns} numbers, as rows and columns say`,
    );
  }
}
