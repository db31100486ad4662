import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createCanvas, GlobalFonts, loadImage } from '@napi-rs/canvas';
import fc from 'fast-check';
import { OptionError } from 'lookbehind/errors';
import * as figures from 'lookbehind/figures';
import { figureToPng } from 'lookbehind/notebook';
import { NARROW } from '../../lib/dist/figures/compose';
import { flatten } from '../../lib/dist/figures/flatten';
import { placeNames } from '../../lib/dist/figures/labels';
import { colorAt, DARK, readableOn, SEQUENTIAL } from '../../lib/dist/figures/theme';
import { describeFigure } from '../../lib/dist/notebook/bundle';
import { figureErrors } from '../../lib/dist/notebook/static';
import { samples } from './samples';

/** LB_UPDATE_SNAPSHOTS=1 writes the snapshots anew: look at the pictures first (render.ts). */
const UPDATE = process.env.LB_UPDATE_SNAPSHOTS === '1';
const names = Object.keys(samples);

/** The font of pictures, with Arial's widths; the machine's own fonts have no say. */
const FONT = 'Arimo of the tests';
for (const file of ['400Regular/Arimo_400Regular.ttf', '700Bold/Arimo_700Bold.ttf']) {
  GlobalFonts.registerFromPath(require.resolve(`@expo-google-fonts/arimo/${file}`), FONT);
}

/** Plain JSON with rounded numbers: the last digits of sums may differ between machines. */
function plain(figure: figures.Figure): figures.Figure {
  return JSON.parse(
    JSON.stringify(figure, (_, value) => (typeof value === 'number' ? Number(value.toPrecision(9)) : value)),
  );
}

describe('every figure', () => {
  for (const name of names) {
    test(`${name} equals its snapshot, and plotly.js finds no fault with it`, () => {
      const figure = plain(samples[name]!());
      const file = join(__dirname, 'snapshots', `${name}.json`);
      if (UPDATE) writeFileSync(file, `${JSON.stringify(figure, null, 1)}\n`);
      assert.deepEqual(figure, JSON.parse(readFileSync(file, 'utf8')));
      // plotly.js compares what a slider's steps and buttons hand on by reference, not by value.
      const errors = figureErrors(figure).filter((error) => !/\.args\[\d\] .* got reset/.test(error));
      assert.deepEqual([...errors], []);
    });
  }

  test('is among the samples', () => {
    const helpers = [
      'gridOf',
      'gridOfSurface',
      'methodStyle',
      'onPlane',
      'spread',
      'spreadAlong',
      'withCaption',
    ];
    const functions = Object.entries(figures).filter(
      ([name, one]) => typeof one === 'function' && !helpers.includes(name),
    );
    assert.deepEqual(
      functions.map(([name]) => name).filter((name) => !names.includes(name)),
      [],
    );
  });

  test('names what its axes are', () => {
    for (const name of names) {
      const { layout, data } = samples[name]!();
      const axes = Object.entries(layout).filter(([key]) => /^[xy]axis\d*$/.test(key));
      assert.ok(axes.length >= 2 || data.some((trace) => trace.type === 'surface'), name);
      for (const [key, axis] of axes) {
        const { title, showticklabels, tickmode } = axis as figures.Axis;
        const named = (title?.text ?? '') !== '' || showticklabels === false || tickmode === 'array';
        assert.ok(named, `${name}: ${key} has no title`);
      }
    }
  });

  test('has a title and is 600 to 900 pixels wide', () => {
    for (const name of names) {
      const { layout } = samples[name]!();
      assert.match(layout.title!.text, /<b>.+<\/b>/, name);
      assert.ok(layout.width! >= 600 && layout.width! <= 900, name);
    }
  });
});

describe('methods', () => {
  test('have one color, dash and marker in all figures', () => {
    const x = [1, 2];
    const runs = [[1, 2]];
    for (const method of figures.METHOD_NAMES) {
      const { color, dash, symbol } = figures.methodStyle(method);
      const [line] = figures.curves({ series: [{ method, x, runs }] }).data;
      assert.deepEqual(
        [line!.line, (line!.marker as { symbol: string }).symbol],
        [{ color, dash, width: 2.2 }, symbol],
      );
      const [dot] = figures.scatter({
        series: [{ method, x, y: x }],
        x: { title: 'x' },
        y: { title: 'y' },
      }).data;
      assert.deepEqual(dot!.marker, { symbol, size: 8, color, opacity: 0.8 });
    }
  });

  test('can all be told apart', () => {
    const styles = figures.METHOD_NAMES.map((name) => figures.methodStyle(name));
    assert.equal(new Set(styles.map(({ color }) => color)).size, styles.length);
    assert.equal(new Set(styles.map(({ label }) => label)).size, styles.length);
  });

  test('are found in any spelling; an unknown one keeps its name and its style', () => {
    assert.deepEqual(figures.methodStyle('Lookbehind-SAM'), figures.methodStyle('lookbehindSAM'));
    assert.equal(figures.methodStyle('lookahead + sgd').label, 'Lookahead + SGD');
    assert.equal(figures.methodStyle('my method').label, 'my method');
    assert.deepEqual(figures.methodStyle('my method'), figures.methodStyle('my method'));
  });

  test('that are unknown never look alike in a figure, and keep their looks in others', () => {
    // 'SGD ' is a spelling of a known method.
    const known = figures.METHOD_NAMES.map((name) => figures.methodStyle(name).label);
    const other = fc
      .string({ minLength: 1 })
      .filter((name) => !known.includes(figures.methodStyle(name).label));
    const unknown = fc.uniqueArray(other, { minLength: 2, maxLength: 24, selector: (name) => name.trim() });
    const looks = (methods: readonly string[]): string[] => {
      const { data } = figures.curves({ series: methods.map((method) => ({ method, x: [1], runs: [[1]] })) });
      return data.map(({ line, marker }) => {
        const { color, dash } = line as figures.MethodStyle;
        return [color, dash, (marker as figures.MethodStyle).symbol].join();
      });
    };
    fc.assert(
      fc.property(unknown, (methods) => {
        const all = [...figures.METHOD_NAMES, ...methods];
        assert.equal(new Set(looks(all)).size, all.length);
      }),
    );
    assert.deepEqual(looks(['mine']), looks(['mine', 'yours']).slice(0, 1));
    const twice = looks(['mine', 'yours', 'mine']);
    assert.equal(twice[0], twice[2]);
  });

  test('get darker with k', () => {
    const lightness = [1, 2, 5, 10, 20].map((k) =>
      [1, 3, 5].reduce(
        (sum, at) =>
          sum + Number.parseInt(figures.methodStyle('lookbehindSAM', k).color.slice(at, at + 2), 16),
        0,
      ),
    );
    assert.deepEqual(
      lightness,
      [...lightness].sort((a, b) => b - a),
    );
    assert.equal(figures.methodStyle('lookbehindSAM', 5).color, figures.methodStyle('lookbehindSAM').color);
  });
});

describe('curves', () => {
  test('draw the mean and a band of one standard deviation; a diverged run leaves the mean of the others', () => {
    const given = { low: [0, 1], high: [2, 4] };
    const [drawn] = figures.curves({
      series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]], band: given }],
    }).data;
    assert.deepEqual(
      [drawn!.x, drawn!.y],
      [
        [1, 2, 2, 1],
        [2, 4, 1, 0],
      ],
      'a band that is given',
    );
    const { data } = figures.curves({
      series: [
        {
          method: 'sam',
          x: [1, 2],
          runs: [
            [1, 4],
            [3, Number.NaN],
          ],
        },
      ],
    });
    const [band, line] = data;
    assert.deepEqual(line!.y, [2, 4]);
    assert.deepEqual(band!.x, [1, 1]);
    assert.deepEqual(band!.y, [2 + Math.SQRT2, 2 - Math.SQRT2]);
  });

  test('draw no band around a line that lies off the scale', () => {
    const x = [1, 2];
    const off = {
      method: 'asam',
      x,
      runs: [
        [90, 40],
        [10, 20],
      ],
    }; // means 50 and 30: the band alone is in range
    const seen = {
      method: 'sam',
      x,
      runs: [
        [90, 60],
        [94, 70],
      ],
    }; // its mean leaves the range at the end only
    const { data } = figures.curves({ series: [off, seen], y: { range: [80, 100] } });
    assert.deepEqual(
      data.map(({ name, fill }) => [name, fill === 'toself']),
      [
        ['ASAM', false],
        ['SAM', true],
        ['SAM', false],
      ],
    );
  });

  test('write the ticks of logarithmic axes in one size: as numbers over few decades, as powers of ten over many', () => {
    const axisOf = (values: number[]): figures.Axis =>
      figures.curves({ series: [{ method: 'sam', x: [1, 2], runs: [values] }], y: { log: true } }).layout
        .yaxis!;
    const few = axisOf([0.02, 1.5]);
    assert.deepEqual([few.type, few.tickformat, few.dtick], ['log', '~g', 'D2']);
    assert.equal(axisOf([1, 2]).dtick, undefined);
    const labelsIn = (low: number, high: number): number[] =>
      (axisOf([low, high]).tickvals as number[]).filter((value) => value >= low && value <= high);
    assert.deepEqual(labelsIn(20, 70), [20, 30, 50, 70]);
    assert.deepEqual(labelsIn(45, 72), [50, 60, 70], 'one label alone says nothing of a scale');
    const many = axisOf([1e-6, 1]);
    // plotly.js enlarges powers by a quarter.
    assert.deepEqual(
      [many.exponentformat, many.dtick, (many.tickfont as { size: number }).size * 1.25],
      ['power', 1, 12],
    );
    assert.equal(axisOf([1e-30, 1]).dtick, 4);
  });

  test('write fewer ticks of a logarithmic axis where a panel has no room for them', () => {
    const panelOf = (x: number[]): figures.Panel => ({
      title: 'rates',
      figure: figures.curves({ series: [{ method: 'sam', x, runs: [x] }], x: { log: true } }),
    });
    const ticksOf = (...parts: figures.Panel[]): unknown => {
      const { dtick, tickvals } = figures.panels({ panels: parts }).layout.xaxis!;
      return dtick ?? tickvals;
    };
    const [decades, within, between] = [
      [1e-4, 0.1],
      [0.02, 0.5],
      [0.0125, 0.8],
    ].map(panelOf) as [figures.Panel, ...figures.Panel[]];
    assert.equal(ticksOf(decades), 'D2');
    assert.equal(ticksOf(decades, decades, decades), 1);
    assert.equal(ticksOf(within!, decades), 'D2');
    assert.deepEqual(
      ticksOf(between!, decades, decades),
      [0.01, 0.03, 0.1, 0.3, 1, 3],
      'one power inside says too little',
    );
  });

  test('write few ticks of a logarithmic axis around a single value', () => {
    const y = { title: 'y', log: true };
    const { layout } = figures.curves({ series: [{ method: 'sam', x: [30], runs: [[5]] }], x: y, y });
    assert.deepEqual([layout.xaxis!.dtick, layout.yaxis!.dtick], ['D2', 'D2']);
  });

  test('have the ticks of the range that panels share, not those of their own data', () => {
    const panelOf = (x: number[]): figures.Panel => ({
      title: 'rates',
      figure: figures.curves({
        series: [{ method: 'sam', x, runs: [x] }],
        x: { log: true },
        y: { log: true },
      }),
    });
    const panels = [panelOf([0.02, 0.09]), panelOf([0.01, 1])];
    const { xaxis, xaxis2, yaxis } = figures.panels({ panels, shareX: true, shareY: true }).layout;
    const { tickvals, dtick } = xaxis2 as figures.Axis;
    assert.deepEqual([xaxis!.tickvals, xaxis!.dtick], [tickvals, dtick]);
    assert.deepEqual([yaxis!.dtick, yaxis!.tickvals], ['D2', undefined]);
    assert.notDeepEqual(figures.panels({ panels }).layout.xaxis!.tickvals, xaxis!.tickvals);
  });

  test('refuse runs of another length than x', () => {
    assert.throws(() => figures.curves({ series: [{ method: 'sam', x: [1, 2], runs: [[1]] }] }), OptionError);
    const band = { low: [0, 1], high: [2] };
    assert.throws(
      () => figures.curves({ series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]], band }] }),
      /band of SAM/,
    );
  });

  test('barriers are heights over the line between the ends', () => {
    const { data } = figures.barrierCurve({ series: [{ method: 'sgd', t: [0, 0.5, 1], loss: [[1, 5, 2]] }] });
    assert.equal(data[0]!.name, 'SGD: barrier 3.5');
  });
});

describe('dots with intervals', () => {
  test('leave a row without a number empty, and the axis to the others', () => {
    const known = { label: 'a', estimate: 1, low: 0.5, high: 2 };
    const figure = figures.dotRange({
      rows: [known, { label: 'b', estimate: 5, low: Number.NaN, high: Number.NaN }],
      x: { title: 'x' },
    });
    const { xaxis, yaxis } = figure.layout;
    const alone = (range?: [number, number]): figures.Axis =>
      figures.dotRange({ rows: [known], x: { title: 'x', range } }).layout.xaxis!;
    assert.deepEqual(xaxis!.range, alone().range);
    assert.deepEqual(alone([-3, 4]).range, [-3, 4]);
    assert.deepEqual(yaxis!.ticktext, ['a', 'b']);
    assert.deepEqual(figure.data.at(-1)!.x, [1, Number.NaN]);
  });

  test('have the colors of Lookbehind only where more than six are compared', () => {
    const colorsOf = (methods: readonly string[]) => {
      const rows = methods.map((method) => ({ method, estimate: 1, low: 0, high: 2 }));
      const { data } = figures.dotRange({ rows, x: { title: 'x' } });
      return data.slice(0, -1).map(({ line }) => (line as { color: string }).color);
    };
    const styleOf = (method: string) => figures.methodStyle(method).color;
    const six = ['lookahead', 'sam', 'asam', 'multistepSAM', 'Lookbehind-SAM', 'lookbehindASAM'];
    assert.deepEqual(colorsOf(six), six.map(styleOf));
    const gray = colorsOf([...six, 'adamw']).filter((_, i) => i !== 4 && i !== 5);
    assert.equal(new Set(gray).size, 1);
    assert.ok(!six.map(styleOf).includes(gray[0]!));
    assert.deepEqual(colorsOf([...six, 'adamw']).slice(4, 6), six.slice(4).map(styleOf));
  });

  test('say an interval in numbers that would squeeze all others', () => {
    const rowAt = (estimate: number) => ({ label: 'a', estimate, low: estimate - 1, high: estimate + 1 });
    const of = (...estimates: number[]) =>
      figures.dotRange({ rows: estimates.map(rowAt), x: { title: 'x' } }).layout;
    const whole = of(1, 0, -1);
    const squeezed = of(1, 0, -1, -30);
    assert.deepEqual(squeezed.xaxis!.range, whole.xaxis!.range);
    const [{ text, y }] = squeezed.annotations as [{ text: string; y: number }];
    assert.deepEqual([text, y], ['← −30 [−31, −29]', 3]);
    assert.equal(of(1, 0, -1, 6).annotations, undefined);
    assert.equal(of(1, 0, -1, -30, -30).annotations, undefined, 'two are no outlier');
    assert.equal(of(1, -30).annotations, undefined, 'of two none is');
  });
});

describe('heat maps', () => {
  const head = { columns: [0.2, 0.5], rows: [1, 2], x: 'α', y: 'k', z: 'error (%)' };

  test('frame the best cell and name diverged ones', () => {
    const values = [
      [3, 2],
      [Number.NaN, 4],
    ];
    const { data, layout } = figures.heatmap({ ...head, values, best: 'min' });
    assert.deepEqual(data[0]!.z, [
      [3, 2],
      [null, 4],
    ]);
    const [frame] = layout.shapes as { x0: number; y0: number }[];
    assert.deepEqual([frame!.x0 + 0.5, frame!.y0 + 0.5], [1, 0]);
    assert.deepEqual(
      layout.annotations!.map(({ text, x, y }) => [text, x, y]),
      [['diverged', 0, 1]],
    );
  });

  test('write numbers readably on every color: a contrast of at least 4.5, as WCAG 2 asks for', () => {
    const luminance = (color: string): number => {
      const [red, green, blue] = [1, 3, 5].map((at) => {
        const share = Number.parseInt(color.slice(at, at + 2), 16) / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
    };
    for (let position = 0; position <= 1; position += 0.01) {
      const cell = colorAt(SEQUENTIAL, position);
      const [dark, light] = [luminance(cell), luminance(readableOn(cell))].sort((a, b) => a - b);
      assert.ok((light! + 0.05) / (dark! + 0.05) >= 4.5, `${cell} at ${position}`);
    }
    const { data } = figures.heatmap({
      ...head,
      values: [
        [1, 2],
        [3, 9],
      ],
      range: [1, 9],
    });
    assert.deepEqual(
      (data[0]!.text as string[][]).flat().map((text) => /color:(#\w+)/.exec(text)![1]),
      ['#1f2328', '#1f2328', '#1f2328', '#ffffff'],
    );
  });

  test('refuse another shape than rows × columns', () => {
    assert.throws(() => figures.heatmap({ ...head, values: [[1, 2]] }), OptionError);
  });
});

/** Height of the plot without the margins above and below it. */
function plotHeight({ height, margin }: figures.Layout): number {
  const { t, b } = margin as { t: number; b: number };
  return height! - t - b;
}

describe('subtitles', () => {
  test('stand under titles that are long and broken, and are their own sentence in a line of text', () => {
    const title = 'A title that says more than one line of a figure of 600 pixels can hold';
    const of = (title: string) =>
      figures.curves({ series: [{ method: 'sam', x: [1], runs: [[1]] }], title, subtitle: 'Look here' });
    const [short, long] = [of('short'), of(title)];
    assert.match(long.layout.title!.text, /^<b>A title .*<br>.*<\/b><br><span.*>Look here</);
    assert.equal(plotHeight(long.layout), plotHeight(short.layout));
    assert.equal(describeFigure(long), `[figure] ${title}. Look here (SAM)`);
  });

  test('that are long are broken into lines, for which the figure grows', () => {
    const of = (subtitle: string) =>
      figures.curves({ series: [{ method: 'sam', x: [1], runs: [[1]] }], subtitle }).layout;
    const [short, long] = [of('short'), of('a long line '.repeat(20))];
    const lines = (text: string) => text.split('<br>').length;
    assert.deepEqual([lines(short.title!.text), lines(long.title!.text)], [2, 4]);
    assert.equal(plotHeight(long), plotHeight(short));
  });
});

describe('captions', () => {
  const figure = () => figures.curves({ series: [{ method: 'sam', x: [1], runs: [[1]] }] });

  test('and subtitles are whole in a figure of 600 pixels, as measured in their font', () => {
    const ruler = createCanvas(1, 1).getContext('2d');
    const texts = [
      'MNIST-1D, 4,000 training and 4,000 test signals · MLP 40-100-100-10 · 3 seeds · profile quick ' +
        '· 1.2 M gradient evaluations',
      'Training loss at the slow weights after each of the tasks, with ' +
        'replay and without it, over the seeds 1 to 10',
      'CIFAR-100, 50,000 TRAINING IMAGES, WIDE RESNET 28-2, k = 5, α = 0.5 (%), ρ = 0.05, 0.1, 0.2, ' +
        '0.5, 200 EPOCHS ON A GPU',
    ];
    for (const text of texts) {
      const { title, annotations } = figures.withCaption(
        figures.curves({ series: [], subtitle: text }),
        text,
      ).layout;
      const lines = [
        [11, annotations![0]!.text!] as const,
        [13, title!.text.replace(/<b>.*?<\/b><br>/, '')] as const,
      ];
      for (const [size, broken] of lines) {
        ruler.font = `${size}px ${FONT}`;
        for (const line of broken.split('<br>').map((one) => one.replace(/<[^>]*>/g, ''))) {
          assert.ok(
            ruler.measureText(line).width < 600 - 16,
            `${line}: ${ruler.measureText(line).width} pixels`,
          );
        }
      }
    }
  });

  test('join their fields, break lines and make the figure taller', () => {
    const bare = figure();
    const captioned = figures.withCaption(bare, {
      data: 'MNIST-1D',
      seeds: [1, 2],
      profile: 'quick',
      note: 'A note'.repeat(30),
    });
    const [caption] = captioned.layout.annotations!;
    assert.match(
      caption!.text!,
      /^MNIST-1D · seeds 1, 2 · profile quick\. <br>|^MNIST-1D · seeds 1, 2 · profile quick\./,
    );
    assert.ok(captioned.layout.height! > bare.layout.height!);
    assert.match(figures.withCaption(bare, { seeds: [100] }).layout.annotations![0].text!, /^seed 100$/);
  });

  test('replace one another', () => {
    const bare = figure();
    const twice = figures.withCaption(
      figures.withCaption(bare, 'First, and a long one. '.repeat(20)),
      'Second',
    );
    assert.deepEqual(twice, figures.withCaption(bare, 'Second'));
    assert.deepEqual(figures.withCaption(twice, '').layout.height, bare.layout.height);
  });
});

describe('landscapes', () => {
  const grid = (scale: number) =>
    figures.gridOf((x, y) => scale * (1 + x * x + y * y), { x: [-1, 1], y: [-1, 1], points: 5 });
  const two = [
    { title: 'a', grid: grid(1) },
    { title: 'b', grid: grid(2) },
  ];

  test('share one color range', () => {
    const { data } = figures.landscapeContours({ landscapes: two });
    assert.deepEqual(
      data.map(({ zmin, zmax, showscale }) => [zmin, zmax, showscale]),
      [
        [1, 6, false],
        [1, 6, undefined],
      ],
    );
  });

  test('take surfaces, whose first index is that of x, and projected points', () => {
    const surface = {
      x: [0, 1],
      y: [0, 1, 2],
      loss: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      accuracy: [
        [0, 0, 0],
        [0.5, 0, 0],
      ],
    };
    const loss = figures.gridOfSurface(surface);
    assert.deepEqual(loss.z, [
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    assert.equal(figures.gridOfSurface(surface, 'accuracy').z[0]![1], 50);
    const trajectory = figures.onPlane([{ a: 1, b: 2, loss: 3, outside: 0.25 }]);
    const { data } = figures.landscapeContours({
      landscapes: [{ title: 'a', grid: loss, trajectories: [{ method: 'sam', ...trajectory }] }],
    });
    assert.deepEqual([data[2]!.x, data[2]!.y], [[1], [2]]);
    assert.deepEqual(data[2]!.customdata, [
      'point 0<br>true loss 3<br>25 % of the distance is outside the plane',
    ]);
  });

  test('refuse a logarithm of values that have none', () => {
    assert.throws(
      () => figures.landscapeContours({ landscapes: [{ title: 'a', grid: grid(-1) }], log: true }),
      OptionError,
    );
  });

  test('surfaces become contours with the same values and colors', () => {
    const flat = flatten(figures.landscapeSurfaces({ landscapes: two }));
    assert.deepEqual(
      flat.data.map(({ type, xaxis }) => [type, xaxis]),
      [
        ['contour', 'x'],
        ['contour', 'x2'],
      ],
    );
    assert.deepEqual(flat.data[1]!.z, two[1]!.grid.z);
    assert.deepEqual([flat.data[0]!.zmin, flat.data[0]!.zmax], [1, 6]);
    assert.ok(!('scene' in flat.layout));
    assert.deepEqual(figureErrors(flat), []);
  });

  test('seen from above lie in the same rows and columns, under their titles', () => {
    const four = ['a', 'b', 'c', 'd'].map((title, i) => ({ title, grid: grid(i + 1) }));
    const { layout } = flatten(figures.landscapeSurfaces({ landscapes: four, columns: 2 }));
    const { rows, columns } = layout.grid as { rows: number; columns: number };
    assert.deepEqual([rows, columns], [2, 2]);
    const titles = layout.annotations!.filter(({ text }) => /<b>[abcd]<\/b>/.test(text!));
    assert.deepEqual(
      titles.map(({ xref, yref, x, y }) => [xref, yref, x, y]),
      ['', '2', '3', '4'].map((id) => [`x${id} domain`, `y${id} domain`, 0, 1]),
    );
    assert.deepEqual(
      figureErrors({ data: flatten(figures.landscapeSurfaces({ landscapes: four })).data, layout }),
      [],
    );
  });
});

describe('a legend', () => {
  test('stands over the plot and under the titles, with room for its rows in 600 pixels', () => {
    const of = (names: string[]) =>
      figures.curves({ series: names.map((label) => ({ label, method: label, x: [1], runs: [[1]] })) })
        .layout;
    const [one, many] = [of(['SAM']), of(Array.from({ length: 6 }, (_, i) => `Lookbehind-SAM, k = ${i}`))];
    assert.equal(plotHeight(many), plotHeight(one));
    assert.equal(many.height! - one.height!, 2 * 19);
    assert.deepEqual([one.legend, of([]).showlegend], [{ y: 1 }, false]);
  });
});

describe('panels', () => {
  test('break titles that would meet in a narrow figure, and grow for it', () => {
    const figure = figures.curves({ series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]] }] });
    const of = (title: string) =>
      figures.panels({ panels: [title, title].map((one) => ({ title: one, figure })), title: 'T' }).layout;
    const [short, long] = [of('short'), of('a long title that would not fit over one of two panels')];
    assert.match(short.annotations![0]!.text!, /^<b>short<\/b>$/);
    assert.match(long.annotations![0]!.text!, /^<b>a long .*<br>.*<\/b>$/);
    const further = long.annotations![0]!.text!.split('<br>').length - 1;
    assert.equal(long.height! - short.height!, 17 * further);
    assert.equal(plotHeight(long), plotHeight(short));
  });

  test('have titles that stay apart in a cell of 600 pixels, as measured in their font', () => {
    const figure = figures.curves({ series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]] }] });
    const ruler = createCanvas(1, 1).getContext('2d');
    ruler.font = `bold 13px ${FONT}`;
    for (const title of [
      'Test accuracy under weight noise',
      'Training loss at the slow weights, learning rate 0.05',
    ]) {
      const { layout } = figures.panels({ panels: [title, title].map((one) => ({ title: one, figure })) });
      const { l, r } = layout.margin as { l: number; r: number };
      const plot = 600 - l - r;
      const second = plot / (2 - (layout.grid as { xgap: number }).xgap);
      for (const line of layout.annotations![0]!.text!.replace(/<\/?b>/g, '').split('<br>')) {
        assert.ok(
          ruler.measureText(line).width < second,
          `${line}: ${ruler.measureText(line).width} of ${second} px`,
        );
      }
    }
  });

  test('write long titles in smaller letters before they break them', () => {
    const figure = figures.curves({ series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]] }] });
    const sizeOf = (title: string) => {
      const { layout } = figures.panels({ panels: [title, title].map((one) => ({ title: one, figure })) });
      const { text, font } = layout.annotations![0]!;
      return [(font as { size: number }).size, text!.includes('<br>')];
    };
    assert.deepEqual(sizeOf('short'), [13, false]);
    assert.deepEqual(sizeOf('MNIST-1D, ConvNet, 40 % wrong labels'), [12, false]);
    assert.deepEqual(sizeOf('a title that would fit over one of two panels in no size at all'), [13, true]);
  });

  test('have a legend for each row where one for all had more than six names', () => {
    const panelOf = (k: number) => ({
      title: `${k}`,
      figure: figures.curves({
        series: ['sam', 'lookbehindSAM', 'multistepSAM', 'repeatedSAM'].map((method) => {
          return { method, ...(method === 'sam' ? {} : { k }), x: [1, 2], runs: [[1, 2]] };
        }),
      }),
    });
    const legendsOf = (ks: number[], columns: number) => {
      const { data, layout } = figures.panels({ panels: ks.map(panelOf), columns });
      const named = data.filter(({ showlegend }) => showlegend !== false);
      const ids = [...new Set(named.map(({ legend = 'legend' }) => String(legend)))];
      return ids.map((id) => {
        const names = named.filter(({ legend = 'legend' }) => legend === id).map(({ name }) => name);
        return { id, count: names.length, y: (layout[id] as { y: number }).y };
      });
    };
    assert.deepEqual(
      legendsOf([2, 2, 2, 2], 2).map(({ id, count }) => [id, count]),
      [['legend', 4]],
    );
    const [first, second] = legendsOf([2, 2, 5, 5], 2);
    assert.deepEqual([first!.count, second!.id, second!.count], [4, 'legend2', 4]);
    assert.ok(first!.y > 1 && second!.y > 0.4 && second!.y < 0.6, `${second!.y} is between the rows`);
    assert.equal(legendsOf([2, 5], 2)[0]!.count, 7); // of one row, which is not divided
  });

  test('keep titles whole over planes, which keep their width in a narrow cell', () => {
    const grid = figures.gridOf((x, y) => 1 + x * x + y * y, { x: [-1, 1], y: [-1, 1], points: 5 });
    const title = 'Lookbehind-SAM, k = 5';
    const { layout } = figures.landscapeContours({
      landscapes: [title, title].map((one) => ({ title: one, grid })),
    });
    assert.equal(layout.annotations![0]!.text, `<b>${title}</b>`);
  });

  test('share ranges within rows, where asked to', () => {
    const figure = figures.curves({ series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]] }] });
    const four = ['a', 'b', 'c', 'd'].map((title) => ({ title, figure }));
    const { layout } = figures.panels({ panels: four, columns: 2, shareX: 'rows', shareY: 'rows' });
    for (const name of ['x', 'y']) {
      const matches = ['', '2', '3', '4'].map((id) => (layout[`${name}axis${id}`] as figures.Axis).matches);
      assert.deepEqual(matches, [undefined, name, undefined, `${name}3`]);
    }
  });

  test('name each method once in the legend', () => {
    const figure = figures.curves({ series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]] }] });
    const { data, layout } = figures.panels({
      panels: [
        { title: 'a', figure },
        { title: 'b', figure },
      ],
    });
    assert.deepEqual(
      data.map(({ xaxis, showlegend }) => [xaxis, showlegend]),
      [
        ['x', undefined],
        ['x2', false],
      ],
    );
    assert.ok(layout.xaxis2);
  });
});

describe('names beside points', () => {
  const point = fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 300 }));
  const line = fc.tuple(point, point);

  test('never cover each other, stand close to their points, and the first one always stands', () => {
    fc.assert(
      fc.property(
        fc.array(point, { minLength: 1, maxLength: 15 }),
        fc.array(line, { maxLength: 10 }),
        (points, lines) => {
          const width = 18;
          const shifts = placeNames(
            points.map((at) => ({ at, width })),
            lines,
          );
          assert.ok(shifts[0]);
          const middles = shifts.flatMap((shift, i) =>
            shift ? [[points[i]![0] + shift[0], points[i]![1] + shift[1]]] : [],
          );
          for (const [i, [x, y]] of middles.entries()) {
            for (const [otherX, otherY] of middles.slice(0, i)) {
              assert.ok(Math.abs(x! - otherX!) >= width || Math.abs(y! - otherY!) >= 17);
            }
          }
          for (const shift of shifts) assert.ok(shift === undefined || Math.hypot(...shift) < 30);
        },
      ),
    );
  });

  test('keep off lines where there is room', () => {
    const [shift] = placeNames(
      [{ at: [0, 0], width: 18 }],
      [
        [
          [0, 0],
          [40, 30],
        ],
      ],
    );
    assert.ok(shift![1] < 0 || shift![0] < 0, `${shift}`);
  });
});

test('trajectories tell the step of each point, also where not every step is drawn', () => {
  const grid = figures.gridOf((x, y) => x * x + y * y, { x: [-1, 1], y: [-1, 1], points: 3 });
  const points: [number, number][] = [
    [1, 1],
    [0.5, 0.5],
    [0, 0],
  ];
  const stepsOf = (every?: number) =>
    figures.contourPath({ grid, trajectories: [{ method: 'sgd', points, every }] }).data.at(-1)!;
  assert.deepEqual(stepsOf(100).customdata, [0, 100, 200]);
  assert.deepEqual(stepsOf().customdata, [0, 1, 2]);
  assert.throws(() => stepsOf(0), OptionError);
});

describe('a lookbehind step', () => {
  test('needs as many fast as perturbed points', () => {
    const origin = [0, 0] as const;
    assert.throws(
      () =>
        figures.lookbehindStepFigure({
          slow: origin,
          perturbed: [origin, origin],
          fast: [origin],
          newSlow: origin,
        }),
      OptionError,
    );
  });
});

describe('pictures', () => {
  /** Share of pixels that are not the paper's white, in a part of the picture given in shares of its size. */
  async function inked(png: Buffer, [left, top, right, bottom] = [0, 0, 1, 1]): Promise<number> {
    const image = await loadImage(png);
    const { createCanvas } = await import('@napi-rs/canvas');
    const canvas = createCanvas(image.width, image.height);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const [x, y] = [Math.round(left! * image.width), Math.round(top! * image.height)];
    const [w, h] = [Math.round(right! * image.width) - x, Math.round(bottom! * image.height) - y];
    const { data } = context.getImageData(x, y, w, h);
    let count = 0;
    for (let i = 0; i < data.length; i += 4)
      if (data[i]! < 240 || data[i + 1]! < 240 || data[i + 2]! < 240) count++;
    return count / (w * h);
  }

  test('have twice the figure’s size, with title, caption and plot drawn, also for surfaces', async () => {
    for (const name of ['noiseCurve', 'landscapeSurfaces']) {
      const figure = samples[name]!();
      const png = await figureToPng(figure);
      const image = await loadImage(png);
      assert.deepEqual([image.width, image.height], [2 * figure.layout.width!, 2 * figure.layout.height!]);
      const head = 40 / figure.layout.height!;
      assert.ok((await inked(png, [0, 0, 0.4, head])) > 0.02, `${name}: title`);
      assert.ok((await inked(png, [0, 1 - head, 0.6, 1])) > 0.02, `${name}: caption`);
      assert.ok((await inked(png, [0.1, 0.25, 0.7, 0.7])) > 0.01, `${name}: plot`);
      assert.ok((await inked(png)) < 0.6, `${name}: paper`);
    }
  });

  test('are the same for the same figure', async () => {
    const png = () => figureToPng(samples.dotRange!());
    assert.deepEqual(await png(), await png());
  });

  test('are the same on a machine without fonts', async () => {
    const source = `
      const { figureToPng } = require('lookbehind/notebook');
      figureToPng(JSON.parse(process.argv[1])).then((png) => console.log('png:' + png.toString('base64')));`;
    const figure = samples.dotRange!();
    const bare = execFileSync(process.execPath, ['-e', source, JSON.stringify(figure)], {
      encoding: 'utf8',
      env: { ...process.env, FONTCONFIG_FILE: '/dev/null' },
      maxBuffer: 2 ** 26,
    });
    const png = Buffer.from(bare.split('png:')[1]!, 'base64');
    assert.ok(png.equals(await figureToPng(figure)), 'another picture without the fonts of the machine');
  });
});

test('a surface with one point or one row so far has a height', () => {
  const one = figures.landscapeContours({
    landscapes: [{ title: 'SGD', grid: { x: [0], y: [0], z: [[1]] } }],
  });
  const row = figures.landscapeContours({
    landscapes: [{ title: 'SGD', grid: { x: [-1, 1], y: [0], z: [[1, 2]] } }],
  });
  for (const { layout } of [one, row]) assert.ok(Number.isFinite(layout.height) && layout.height! > 180);
});

describe('a figure that moves', () => {
  const line = (y: readonly number[], title = 'Line') =>
    figures.curves({
      series: [{ method: 'sam', x: [0, 1, 2], runs: [y] }],
      title,
      caption: 'The same for all',
    });
  const moved = figures.withSlider({
    frames: [
      { label: 'a', figure: line([0, 1, 2]) },
      { label: 'b', figure: line([0, 10, 5], 'Steep') },
    ],
    name: 'State',
    shown: 0,
  });

  test('keeps in its frames only what changes, and one range for all of them', () => {
    assert.deepEqual(
      moved.frames!.map(({ name, traces, data }) => ({ name, traces, data })),
      [
        { name: 'a', traces: [0], data: [{ y: [0, 1, 2] }] },
        { name: 'b', traces: [0], data: [{ y: [0, 10, 5] }] },
      ],
    );
    assert.deepEqual(Object.keys(moved.frames![0]!.layout), ['title']);
    assert.deepEqual(moved.layout.yaxis!.range, [-0.5, 10.5]);
  });

  test('has room for its slider between the plot and the caption', () => {
    const { layout } = line([0, 1, 2]);
    const bottom = ({ margin }: figures.Layout) => (margin as { b: number }).b;
    const added = moved.layout.height! - layout.height!;
    assert.ok(added > 0 && added === bottom(moved.layout) - bottom(layout));
    const captionAt = (one: figures.Layout) => one.annotations!.at(-1)!.yshift as number;
    assert.equal(captionAt(layout) - captionAt(moved.layout), added);
  });

  test('takes another caption, in each of its frames', () => {
    const labeled = (at: number) =>
      figures.contourPath({
        grid: figures.gridOf((x, y) => x + y, { x: [0, 1], y: [0, 1], points: 3 }),
        trajectories: [{ method: 'sam', points: [[at, at]] }],
        marks: [{ at: [at, at], text: `at ${at}` }],
        caption: 'first',
      });
    const frames = [0, 1].map((at) => ({ label: String(at), figure: labeled(at) }));
    const captioned = figures.withCaption(figures.withSlider({ frames, name: 'x' }), 'second');
    for (const { annotations } of [captioned.layout, ...captioned.frames!.map(({ layout }) => layout)])
      assert.deepEqual(
        annotations!.filter(({ name }) => name === 'caption').map(({ text }) => text),
        ['second'],
      );
  });

  test('is made of figures of one kind, each with its own label', () => {
    const band = figures.curves({
      series: [
        {
          method: 'sam',
          x: [0, 1],
          runs: [
            [0, 1],
            [1, 3],
          ],
        },
      ],
    });
    const of = (...frames: figures.FrameOf[]) => figures.withSlider({ frames, name: 'x' });
    const one = line([0, 1, 2]);
    assert.throws(() => of(), OptionError);
    assert.throws(() => of({ label: 'a', figure: one }, { label: 'a', figure: one }), /label of their own/);
    assert.throws(
      () => of({ label: 'a', figure: one }, { label: 'b', figure: band }),
      /same kinds .* scatter, scatter/,
    );
    assert.throws(
      () => figures.withFrames({ frames: [{ label: 'a', figure: one }], name: 'x', seconds: 0 }),
      OptionError,
    );
  });
});

test('JupyterLab makes figures dark by the filter of the theme, no picture wider than a cell, and none narrow', () => {
  const rules = readFileSync(join(__dirname, '../../scripts/jupyter/custom/custom.css'), 'utf8');
  assert.ok(rules.includes(`filter: ${DARK};`));
  assert.match(rules, /\.jp-RenderedPlotly > img \{\s*max-width: 100%;/);
  assert.ok(rules.includes(`min-width: ${NARROW}px;`));
});

test('colors of a table tell its cells apart, whatever one outlier is, and good cells are dark', () => {
  const colorsOf = (best: 'min' | 'max') => {
    const [trace] = figures.heatmap({
      columns: [1, 2, 3],
      rows: [1, 2],
      values: [
        [30, 31, 32],
        [33, 34, 900],
      ],
      x: 'x',
      y: 'y',
      z: 'z',
      best,
    }).data;
    return trace as unknown as { zmin: number; zmax: number; colorscale: [number, string][] };
  };
  const { zmin, zmax, colorscale } = colorsOf('min');
  assert.deepEqual([zmin, zmax], [30, 34]);
  assert.equal(colorscale[0]![1], colorsOf('max').colorscale.at(-1)![1]);
});

test('small multiples show each series once in its color, over all others in gray', () => {
  const x = [0, 1];
  const figure = figures.curves({
    series: ['sgd', 'sam', 'asam'].map((method, i) => ({
      method,
      x,
      runs: [
        [i, 1],
        [i, 2],
      ],
    })),
  });
  const { data, layout } = figures.smallMultiples({ figure, of: ['SAM', 'ASAM'] });
  const inColor = (id: string) =>
    data
      .filter((trace) => trace.xaxis === id && (trace.line as { width?: number }).width === 2.2)
      .map(({ name }) => name);
  assert.deepEqual([inColor('x'), inColor('x2')], [['SAM'], ['ASAM']]);
  assert.equal(data.filter(({ xaxis, fill }) => xaxis === 'x' && fill === undefined).length, 3);
  const matches = [layout.xaxis2, layout.yaxis2].map((axis) => (axis as figures.Axis).matches);
  assert.deepEqual([...matches, layout.showlegend], ['x', 'y', false]);
});

test('adaptive alpha has the room below 1 that it needs, so that what leaves 1 is seen', () => {
  const rangeOf = (...alpha: number[]) =>
    figures.alphaCurve({ series: [{ layer: 'a', x: alpha.map((_, i) => i), alpha }] }).layout.yaxis!.range;
  assert.deepEqual(rangeOf(0.99, Number.NaN, 1), [0.8, 1.004]);
  assert.deepEqual(rangeOf(0.42, 1), [0.3, 1.014]);
  assert.deepEqual(rangeOf(0.04, 1), [0, 1.02]);
});

test('numbers have minus signs, as on axes; names and ranges keep their hyphens', () => {
  const titleOf = (title: string) =>
    figures.curves({ series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]] }], title }).layout.title!.text;
  for (const [given, drawn] of [
    ['weights -1 to 1', 'weights −1 to 1'],
    ['r = -0.39 [-0.79, 0.1]', 'r = −0.39 [−0.79, 0.1]'],
    ['-.5, open', '−.5, open'],
    ['MLP 40-100-10 on MNIST-1D, 1e-5, k-2, (a)-3', 'MLP 40-100-10 on MNIST-1D, 1e-5, k-2, (a)-3'],
  ] as const)
    assert.equal(titleOf(given), `<b>${drawn}</b>`);
});

test('captions count one seed in the singular', () => {
  const captionOf = (caption: string) => {
    const { layout } = figures.curves({ series: [{ method: 'sam', x: [1, 2], runs: [[1, 2]] }], caption });
    return layout.annotations!.at(-1)!.text;
  };
  assert.equal(captionOf('over 1 seeds, 1 batches'), 'over 1 seed, 1 batch');
  assert.equal(captionOf('over 11 seeds, 0.1 seeds'), 'over 11 seeds, 0.1 seeds');
});

test('panels that share an axis show all of each, and labels keep their numbers', () => {
  const rows = (high: number) => [{ method: 'sam', label: 'SAM', estimate: high / 2, low: 0, high }];
  const title = 'Lookbehind with adaptive steps, many of them, and k = 5';
  const panel = (high: number) => ({
    title,
    figure: figures.dotRange({ rows: rows(high), x: { title: 'Points' } }),
  });
  const { layout } = figures.panels({ panels: [panel(1), panel(10)], shareX: true, shareY: true });
  assert.deepEqual(layout.xaxis!.range, [-0.6, 10.6]);
  const { text } = layout.annotations![0]!;
  assert.ok(text!.includes('<br>') && text!.includes('k = 5'), text);
});
