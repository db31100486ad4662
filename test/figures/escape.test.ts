/** Hostile names through everything that shows names. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as figures from 'lookbehind/figures';
import { figureToHtml, figureToPng, figureToSvg } from 'lookbehind/notebook';
import { configHash, expandGrid, type RunRow } from 'lookbehind/runs';
import { renderTable, toCsv } from 'lookbehind/statistics';
import { describeResults } from '../../lib/dist/cli/commandLine';
import { escapeMarkdown, terminalText } from '../../lib/dist/core/escape';
import { describeFigure } from '../../lib/dist/notebook/bundle';

interface Element {
  tagName: string;
  textContent: string;
}
interface Document {
  title: string;
  querySelectorAll(selector: string): ArrayLike<Element>;
}
const { JSDOM } = require('jsdom') as {
  JSDOM: new (text: string, options?: object) => { window: { document: Document } };
};
const { parse } = require('papaparse') as { parse(text: string): { data: string[][] } };

const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '<a href="javascript:alert(1)">k</a>',
  '</title></script><script>alert(1)</script>',
  'a < b & c > d &lt; "e" \'f\'',
  '<b>bold</b><br>line',
  '$\\frac{1}{2}$ and $5',
  '%{x} %{customdata[0]}',
];

/** All texts of a drawing; blanks that do not break are blanks. */
function textsOf(svg: string): { texts: string[]; tags: Set<string> } {
  const { document } = new JSDOM(svg, { contentType: 'image/svg+xml' }).window;
  const texts = Array.from(document.querySelectorAll('text'), ({ textContent }) =>
    textContent.replaceAll('\u00a0', ' '),
  );
  return { texts, tags: new Set(Array.from(document.querySelectorAll('*'), ({ tagName }) => tagName)) };
}

/** A figure of each kind with this text wherever there is a text. */
function figuresOf(text: string): Record<string, figures.Figure> {
  const {
    bars,
    curves,
    dotRange,
    heatmap,
    scatter,
    contourPath,
    alphaCurve,
    panels,
    landscapeContours,
    landscapeSurfaces,
  } = figures;
  const grid = figures.gridOf((x, y) => 1 + x * x + y * y, { x: [-1, 1], y: [-1, 1], points: 5 });
  const whole = { title: text, width: 2400 };
  const axes = { x: { title: text }, y: { title: text } };
  const way = { method: text, points: [[0, 0] as const, [0.5, 0.5] as const] };
  const landscapes = { landscapes: [{ title: text, grid, trajectories: [way] }], z: text, ...axes, ...whole };
  return {
    bars: bars({ ...whole, bars: [{ method: text, values: [1] }], x: { title: text } }),
    curves: curves({
      ...whole,
      ...axes,
      series: [{ method: 'sam', label: text, x: [1, 2], runs: [[1, 2]] }],
    }),
    dotRange: dotRange({
      ...whole,
      rows: [{ label: text, estimate: 1, low: 0, high: 2 }],
      x: { title: text },
    }),
    heatmap: heatmap({
      ...whole,
      rows: [text, 'b'],
      columns: ['a'],
      values: [[1], [Number.NaN]],
      missing: text,
      x: text,
      y: text,
      z: text,
    }),
    scatter: scatter({ ...whole, ...axes, series: [{ method: text, x: [1], y: [1] }] }),
    contourPath: contourPath({
      ...whole,
      ...axes,
      grid,
      trajectories: [way],
      marks: [{ at: [0, 0], text }],
      z: text,
    }),
    alphaCurve: alphaCurve({ ...whole, series: [{ layer: text, x: [1, 2], alpha: [0, 1] }] }),
    panels: panels({
      ...whole,
      panels: [{ title: text, figure: scatter({ ...axes, series: [{ method: text, x: [1], y: [1] }] }) }],
    }),
    landscapeContours: landscapeContours(landscapes),
    landscapeSurfaces: landscapeSurfaces(landscapes),
  };
}

describe('figures show texts as they are', () => {
  for (const text of HOSTILE) {
    test(text, async () => {
      const plain = textsOf(await figureToSvg(figuresOf('a').scatter!));
      for (const [name, figure] of Object.entries(figuresOf(text))) {
        const { texts, tags } = textsOf(await figureToSvg(figure));
        assert.ok(texts.filter((one) => one.includes(text)).length >= 2, `${name}: ${texts.join(' | ')}`);
        assert.ok(
          texts.every((one) => !one.includes('&lt;') || text.includes('&lt;')),
          name,
        );
        assert.ok(!tags.has('a') && !tags.has('img') && !tags.has('script'), name);
        for (const trace of figure.data) {
          const template = String(trace.hovertemplate ?? '').replace(/<\/?(br|extra)>/g, '');
          assert.ok(!template.includes('<'), `${name}: ${template}`);
          assert.ok(!template.includes('%{x} %{c'), `${name}: ${template}`);
        }
        assert.ok(describeFigure(figure).includes(text), name);
      }
      assert.ok(plain.texts.includes('a'));
    });
  }

  test('in captions and subtitles, with the library’s own markup around them', async () => {
    const options = { subtitle: 'k < 5 & <i>ρ</i>', caption: { data: '<b>mine</b>', note: 'a > b' } };
    const figure = figures.scatter({
      series: [{ method: 'sam', x: [1], y: [1] }],
      x: { title: 'x' },
      y: { title: 'y' },
      ...options,
    });
    const { texts } = textsOf(await figureToSvg(figure));
    const all = texts.join('\n');
    assert.ok(all.includes('k < 5 & <i>ρ</i>') && all.includes('<b>mine</b>. a > b'), all);
    assert.match(figure.layout.title!.text!, /^<b>y against x<\/b><br><span /);
  });

  test('without what an SVG cannot hold', async () => {
    const figure = figures.scatter({
      series: [{ method: 'a\u0000\u001b\ud800b', x: [1], y: [1] }],
      x: { title: 'x' },
      y: { title: 'y' },
    });
    assert.ok(textsOf(await figureToSvg(figure)).texts.includes('a\ufffd\ufffd\ufffdb'));
    assert.equal(figure.data[0]!.name, 'a\ufffd\ufffd\ufffdb');
    assert.ok((await figureToPng(figure)).length > 1000);
  });
});

test('pages show texts as they are', () => {
  for (const text of HOSTILE) {
    const html = figureToHtml(figuresOf(text).scatter!);
    const { document } = new JSDOM(html).window;
    assert.equal(document.title, text);
    assert.equal(document.querySelectorAll('script').length, 2);
    assert.equal(document.querySelectorAll('img, a').length, 0);
  }
});

test('tables in HTML show texts as they are', () => {
  for (const text of HOSTILE) {
    const { html } = renderTable([{ [text]: text, other: 1 }], { caption: text });
    const { document } = new JSDOM(html).window;
    // Cells keep a number with what precedes it, by blanks that do not break.
    const shown = (selector: string) =>
      document.querySelectorAll(selector)[0]!.textContent!.replaceAll('\u00a0', ' ');
    assert.deepEqual(['figcaption', 'th', 'td'].map(shown), [text, text, text]);
    assert.equal(document.querySelectorAll('img, a, script, b').length, 0);
  }
});

test('tables in Markdown have no markup of their own, no link and no further line', () => {
  const marked: Record<string, string> = {
    'a|b\nc': 'a\\|b c',
    '[k](javascript:x)': '\\[k\\](javascript:x)',
    'see https://example.org': 'see https\\://example.org',
    'www.example.org': 'www\\.example.org',
    '`c` *i* _u_ ~s~': '\\`c\\` \\*i\\* \\_u\\_ \\~s\\~',
    '<b>&amp;</b>': '\\<b\\>\\&amp;\\</b\\>',
    '# head': '\\# head',
    '1. one': '1\\. one',
    '- item': '\\- item',
    'a\\|b': 'a\\\\\\|b',
    '-0.5 ± 0.1': '-0.5 ± 0.1',
  };
  for (const [text, escaped] of Object.entries(marked)) {
    assert.equal(escapeMarkdown(text), escaped);
    const lines = renderTable([{ [text]: text }], { caption: text }).markdown.split('\n');
    assert.equal(lines.length, 5, text);
    assert.equal(lines[0], escaped);
    for (const line of [lines[2]!, lines[4]!])
      assert.equal(line.replace(/\\[\\|]/g, '').split('|').length, 3, line);
  }
});

test('cells of CSV come back as they were, and none is a formula', () => {
  const texts = [
    '=1+1',
    '+cmd|x',
    '-2+3',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    'a,b',
    'say "so"',
    'two\nlines',
    '-0.5',
    'plain',
  ];
  const formulas = 6;
  const { data } = parse(toCsv([{ '=head': 1 }, ...texts.map((text) => ({ '=head': text }))]));
  assert.deepEqual(
    data.slice(0, -1).map(([cell]) => cell),
    ["'=head", '1', ...texts.map((text, i) => (i < formulas ? `'${text}` : text))],
  );
  assert.match(toCsv([{ loss: -0.25 }]), /^loss\n-0\.25\n$/);
});

test('terminals get no escape sequence', () => {
  const name = 'SAM\u001b[2J\u001b]0;x\u0007\r\n\u009b31m\u202eMAS';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;
  const [config] = expandGrid({
    data: 'mnist1d',
    model: { kind: 'mlp', hidden: [2] },
    epochs: 1,
    optimizer: { kind: 'sgd', learningRate: 0.1 },
    label: name,
  });
  const row: RunRow = {
    hash: configHash(config!),
    config: config!,
    status: 'failed',
    result: null,
    error: name,
    reused: false,
  };
  const figure = figures.scatter({
    series: [{ method: name, x: [1], y: [1] }],
    x: { title: name },
    y: { title: 'y' },
  });
  const shown = [
    describeResults([row]),
    renderTable([{ [name]: name }], { caption: name }).text,
    describeFigure(figure),
    terminalText(name),
  ];
  for (const text of shown) assert.doesNotMatch(text, control);
  assert.match(describeResults([row]), /\nSAM\\x1b\[2J\\x1b\]0;x\\x07 \\x9b31m\\u202eMAS +1 +failed$/);
  assert.equal(renderTable([{ a: name }]).text.split('\n').length, 3);
  assert.equal(terminalText('two\nlines'), 'two\nlines');
});
