/** Pictures of many labels, and of lines that are off them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as figures from 'lookbehind/figures';
import { figureToPng } from 'lookbehind/notebook';

/** Rows with a label each, at the height of a page. */
function rows(count: number): figures.Figure {
  const labeled = Array.from({ length: count }, (_, i) => ({
    method: `row ${i}`,
    estimate: i,
    low: i - 1,
    high: i + 1,
  }));
  return figures.dotRange({ rows: labeled, x: { title: 'x' }, height: 440 });
}

test('labels are not looked for beyond the drawing, which takes quadratic time and draws the same', async () => {
  const figure = rows(200);
  const hiding = structuredClone(figure);
  for (const axis of ['xaxis', 'yaxis'] as const)
    hiding.layout[axis] = { ...hiding.layout[axis], ticklabeloverflow: 'hide past div' };
  const { xaxis, yaxis } = (
    figure.layout.template as { layout: Record<string, { ticklabeloverflow: string }> }
  ).layout;
  assert.deepEqual([xaxis!.ticklabeloverflow, yaxis!.ticklabeloverflow], ['allow', 'allow']);
  assert.ok((await figureToPng(figure)).equals(await figureToPng(hiding)));
});

test('a line that is far off the range of its axis leaves its picture empty', async () => {
  const runs = [
    [20, 30, 40],
    [22, 32, 41],
  ];
  const lineOn = (range: readonly [number, number]) =>
    figures.curves({ series: [{ method: 'sam', x: [1, 2, 3], runs }], y: { title: 'Accuracy', range } });
  for (const range of [
    [95, 100],
    [99.9, 100],
  ] as const)
    assert.ok((await figureToPng(lineOn(range))).length > 1000);
});
