import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import * as figures from 'lookbehind/figures';
import { figureToHtml, saveFigure } from 'lookbehind/notebook';

/** What is used of jsdom, which has no types of its own. */
interface Document {
  querySelectorAll(selector: string): ArrayLike<{ textContent: string }>;
}
const { JSDOM } = require('jsdom') as { JSDOM: new (html: string) => { window: { document: Document } } };

const grid = figures.gridOf((x, y) => 1 + x * x + y * y, { x: [-1, 1], y: [-1, 1], points: 5 });
const surfaces = (count: number, title = 'Two minima') =>
  figures.landscapeSurfaces({
    landscapes: Array.from({ length: count }, (_, i) => ({ title: `${i}`, grid })),
    title,
  });
const curves = figures.curves({
  series: [{ method: 'sam', x: [1, 2], runs: [[1, Number.NaN]] }],
  title: 'a < b',
});

/** The scripts of a page, as a browser finds them. */
function scriptsOf(html: string): string[] {
  const { document } = new JSDOM(html).window;
  return Array.from(document.querySelectorAll('script'), (script) => script.textContent);
}

/** The figure that the second script draws. */
function figureOf(html: string): figures.Figure {
  const [, json] = /^const figure = (.*);$/m.exec(scriptsOf(html)[1]!)!;
  return new Function(`return ${json}`)() as figures.Figure;
}

describe('the page of a figure', () => {
  test('holds the figure, its caption and the smallest bundle that draws it, and loads nothing', () => {
    const flat = figureToHtml(curves, { caption: 'Three seeds' });
    const spatial = figureToHtml(surfaces(2));
    for (const html of [flat, spatial]) {
      const { document } = new JSDOM(html).window;
      assert.equal(document.querySelectorAll('[src], [href], link').length, 0);
      assert.equal(scriptsOf(html).length, 2);
    }
    assert.match(flat.slice(0, 400), /<title>a &lt; b<\/title>/);
    const { data, layout } = figureOf(flat);
    assert.deepEqual(data[0]!.y, [1, null]);
    assert.equal(layout.annotations!.at(-1)!.text, 'Three seeds');
    assert.match(scriptsOf(flat)[0]!.slice(0, 100), /cartesian/);
    assert.match(scriptsOf(spatial)[0]!.slice(0, 100), /gl3d/);
    const other = { data: [...curves.data, ...surfaces(1).data], layout: curves.layout };
    assert.ok(
      figureToHtml(other).length < figureToHtml({ ...other, data: [...other.data, { type: 'bar' }] }).length,
    );
  });

  test('is as wide as its window up to its own width, unless it shows a plane', () => {
    const adapting = figureToHtml(curves);
    assert.deepEqual(
      [figureOf(adapting).layout.width, figureOf(adapting).layout.autosize],
      [undefined, true],
    );
    assert.match(adapting, /max-width: 820px/);
    assert.match(adapting, /min-width: 600px/);
    const small = { ...curves, layout: { ...curves.layout, width: 300 } };
    assert.match(figureToHtml(small), /min-width: 300px/);
    const step = { slow: [0, 0], perturbed: [[0, 1]], fast: [[0, -1]], newSlow: [0, -0.5] };
    const contours = figures.landscapeContours({ landscapes: [{ title: 'a', grid }] });
    for (const plane of [figures.lookbehindStepFigure(step), contours]) {
      const { width, autosize } = figureOf(figureToHtml(plane)).layout;
      assert.deepEqual([width, autosize], [600, undefined]);
    }
  });

  test('survives texts that look like the end of a script', () => {
    const title = 'a</script><script>b<!-- c';
    const { data, layout } = surfaces(1);
    const html = figureToHtml({ data, layout: { ...layout, title: { text: `<b>${title}</b>` } } });
    assert.equal(scriptsOf(html).length, 2);
    assert.equal(figureOf(html).layout.title!.text, `<b>${title}</b>`);
  });

  test('has a width that is a number', () => {
    const width = '1px} </style><script>alert(1)</script>' as unknown as number;
    assert.throws(() => figureToHtml({ ...curves, layout: { ...curves.layout, width } }), OptionError);
  });

  test('links the cameras of several scenes, where asked for', () => {
    const linked = (html: string) => html.includes("plot.on('plotly_relayouting'");
    assert.ok(linked(figureToHtml(surfaces(3))));
    assert.ok(!linked(figureToHtml(surfaces(3), { linkCameras: false })));
    assert.ok(!linked(figureToHtml(surfaces(1))));
    assert.throws(() => figureToHtml(curves, { linkCamera: true } as object), OptionError);
  });

  test('and pictures are saved whole, by the ending of their files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lookbehind-page-'));
    try {
      await saveFigure(join(folder, 'new', 'figure.html'), curves);
      await saveFigure(join(folder, 'new', 'figure.svg'), curves, { caption: 'Three seeds' });
      await saveFigure(join(folder, 'new', 'figure.png'), curves);
      await saveFigure(join(folder, 'new', 'figure.json'), curves);
      assert.deepEqual(readdirSync(join(folder, 'new')).sort(), [
        'figure.html',
        'figure.json',
        'figure.png',
        'figure.svg',
      ]);
      assert.equal(readFileSync(join(folder, 'new', 'figure.html'), 'utf8'), figureToHtml(curves));
      assert.match(readFileSync(join(folder, 'new', 'figure.svg'), 'utf8'), /^<svg.*Three seeds/s);
      assert.equal(readFileSync(join(folder, 'new', 'figure.png')).toString('latin1', 1, 4), 'PNG');
      const saved: unknown = JSON.parse(readFileSync(join(folder, 'new', 'figure.json'), 'utf8'));
      assert.deepEqual(saved, JSON.parse(JSON.stringify(curves)));
      await assert.rejects(
        saveFigure(join(folder, 'figure.pdf'), curves),
        /the ending of path must be one of ".html"/,
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
