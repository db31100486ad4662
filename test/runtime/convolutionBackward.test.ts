/** Gradients of convolutions, computed forward, against sums written out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filterGradient, inputGradient } from 'lookbehind/dist/runtime/kernels/convolutionBackward';
import { assertClose, assertNoLeak, normal, numbersOf } from './support';

const [BATCH, HEIGHT, WIDTH, INPUTS, OUTPUTS] = [2, 6, 5, 3, 4];

/** Calls `term` with the flat indices of x, of the filter and of the output, for each product that the convolution sums. */
function eachProduct(sides: [number, number], pad: 'same' | 'valid', term: (x: number, filter: number, y: number) => void): void {
  const [top, left] = pad === 'same' ? sides.map((side) => (side - 1) / 2) : [0, 0];
  const [rows, columns] = outputSides(sides, pad);
  for (let n = 0; n < BATCH; n++)
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        for (let p = 0; p < sides[0]; p++)
          for (let q = 0; q < sides[1]; q++) {
            const [y, x] = [row + p - top, column + q - left];
            if (y < 0 || y >= HEIGHT || x < 0 || x >= WIDTH) continue;
            for (let i = 0; i < INPUTS; i++)
              for (let o = 0; o < OUTPUTS; o++)
                term(
                  ((n * HEIGHT + y) * WIDTH + x) * INPUTS + i,
                  ((p * sides[1] + q) * INPUTS + i) * OUTPUTS + o,
                  ((n * rows + row) * columns + column) * OUTPUTS + o,
                );
          }
}

function outputSides(sides: [number, number], pad: 'same' | 'valid'): number[] {
  return pad === 'same' ? [HEIGHT, WIDTH] : [HEIGHT - sides[0] + 1, WIDTH - sides[1] + 1];
}

test('both gradients are the sums of their definition', () => {
  for (const sides of [
    [3, 3],
    [5, 3],
    [1, 3],
    [1, 1],
  ] as [number, number][]) {
    for (const pad of ['same', 'valid'] as const) {
      const [x, filter] = [normal([BATCH, HEIGHT, WIDTH, INPUTS], 1), normal([...sides, INPUTS, OUTPUTS], 2)];
      const dy = normal([BATCH, ...outputSides(sides, pad), OUTPUTS], 3);
      const [xs, filters, dys] = [x, filter, dy].map((tensor) => numbersOf(tensor));
      const [dx, dFilter] = [xs, filters].map((values) => new Array<number>(values.length).fill(0));
      eachProduct(sides, pad, (at, of, to) => {
        dx[at] += filters[of] * dys[to];
        dFilter[of] += xs[at] * dys[to];
      });
      const attributes = { strides: 1, pad, dataFormat: 'NHWC' };
      const what = `${sides}, ${pad}`;
      assertNoLeak(() => {
        const actual = inputGradient({ dy, filter }, { ...attributes, inputShape: x.shape });
        assert.deepEqual(actual?.shape, x.shape, what);
        assertClose(numbersOf(actual as NonNullable<typeof actual>), dx, 1e-5, `dx, ${what}`);
        actual?.dispose();
        const other = filterGradient({ x, dy }, { ...attributes, filterShape: filter.shape });
        if (sides[0] * sides[1] === 1) {
          assert.equal(other, undefined);
          return;
        }
        assert.deepEqual(other?.shape, filter.shape, what);
        assertClose(numbersOf(other as NonNullable<typeof other>), dFilter, 1e-5, `dfilter, ${what}`);
        other?.dispose();
      });
    }
  }
});

test('what the rule does not cover is left to TensorFlow', () => {
  const [x, dy] = [normal([1, 6, 6, 2], 1), normal([1, 6, 6, 2], 2)];
  const inputs = { x, dy, filter: normal([3, 3, 2, 2], 3) };
  const covered = { strides: [1, 1], pad: 'same', dataFormat: 'NHWC', filterShape: [3, 3, 2, 2], inputShape: x.shape };
  for (const change of [{ strides: 2 }, { strides: [1, 2] }, { pad: 1 }, { dataFormat: 'NCHW' }]) {
    assert.equal(inputGradient(inputs, { ...covered, ...change }), undefined);
    assert.equal(filterGradient(inputs, { ...covered, ...change }), undefined);
  }
  const even = normal([2, 3, 2, 2], 4);
  assert.equal(inputGradient({ dy, filter: even }, covered), undefined);
  assert.equal(filterGradient(inputs, { ...covered, filterShape: even.shape }), undefined);
  for (const made of [inputGradient(inputs, covered), filterGradient(inputs, covered)]) {
    assert.notEqual(made, undefined);
    made?.dispose();
  }
});
