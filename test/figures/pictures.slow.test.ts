/** What pictures cost as figures grow, and lines that are off them. */
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

/** Processor time, which other work on the machine does not lengthen, in seconds. */
async function cost(figure: figures.Figure): Promise<{ seconds: number; png: Buffer }> {
  const before = process.cpuUsage();
  const png = await figureToPng(figure);
  const { user, system } = process.cpuUsage(before);
  return { seconds: (user + system) / 1e6, png };
}

test('labels are not looked for beyond the drawing, which takes quadratic time and draws the same', async () => {
  await figureToPng(rows(2));
  const figure = rows(200);
  const hiding = structuredClone(figure);
  for (const axis of ['xaxis', 'yaxis'] as const)
    hiding.layout[axis] = { ...hiding.layout[axis], ticklabeloverflow: 'hide past div' };
  const [plain, searched] = [await cost(figure), await cost(hiding)];
  assert.ok(plain.png.equals(searched.png));
  assert.ok(plain.seconds < 0.6 * searched.seconds, `${plain.seconds} s in place of ${searched.seconds} s`);
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
