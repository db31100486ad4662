/** Which start leads where: a map for one method, coarse first, then finer where neighbors differ. */
import type { PlaneLoss, Point } from './losses';
import type { MethodName, MethodSettings } from './methods';
import { type End, Walk } from './walk';

/** Cells of a map across and up. */
const COLUMNS = 48;
const ROWS = 34;
/** Sides of the blocks of cells that stand for one start, from the first pass to the last. */
const STRIDES = [8, 4, 2, 1];

/** A block of cells with one end. */
export interface Block {
  column: number;
  row: number;
  side: number;
  end: End;
}

/** The map of one method, which grows start by start. */
export class BasinMap {
  static readonly columns = COLUMNS;
  static readonly rows = ROWS;
  readonly method: MethodName;
  isDone = false;
  readonly #ends = new Map<number, End>();
  readonly #blocks: Generator<Block>;

  constructor(method: MethodName, loss: PlaneLoss, settings: MethodSettings) {
    this.method = method;
    this.#blocks = this.#grow(loss, settings);
  }

  /** The next block, computed; undefined where the map is done. */
  next(): Block | undefined {
    const { value, done } = this.#blocks.next();
    this.isDone = done === true;
    return done ? undefined : value;
  }

  /** The share of all starts so far that ended at `end`. */
  share(end: End): number {
    const ends = [...this.#ends.values()];
    return ends.filter((one) => one === end).length / Math.max(1, ends.length);
  }

  *#grow(loss: PlaneLoss, settings: MethodSettings): Generator<Block> {
    for (const [pass, side] of STRIDES.entries()) {
      for (let row = 0; row < ROWS; row += side) {
        for (let column = 0; column < COLUMNS; column += side) {
          const cell = row * COLUMNS + column;
          if (this.#ends.has(cell)) continue;
          const agreed = pass === 0 ? undefined : this.#endAround(column, row, side * 2);
          const end = agreed ?? this.#endOf(column, row, loss, settings);
          this.#ends.set(cell, end);
          if (agreed === undefined) yield { column, row, side, end };
        }
      }
    }
  }

  /** The one end of all starts of the coarser pass around a cell, where they have one. */
  #endAround(column: number, row: number, side: number): End | undefined {
    const [left, low] = [column - (column % side), row - (row % side)];
    const around = [-side, 0, side, 2 * side];
    const ends = around.flatMap((dx) =>
      around.map((dy) => {
        const [x, y] = [left + dx, low + dy];
        return x < 0 || y < 0 || x >= COLUMNS || y >= ROWS ? undefined : this.#ends.get(y * COLUMNS + x);
      }),
    );
    const known = new Set(ends.filter((end) => end !== undefined));
    return known.size === 1 ? [...known][0] : undefined;
  }

  #endOf(column: number, row: number, loss: PlaneLoss, settings: MethodSettings): End {
    const at = ([from, to]: Point, cell: number, cells: number) =>
      from + ((to - from) * (cell + 0.5)) / cells;
    const start: Point = [at(loss.extent.x, column, COLUMNS), at(loss.extent.y, row, ROWS)];
    const walk = new Walk(this.method, loss, start, settings);
    while (!walk.isOver) walk.step();
    walk.dispose();
    return walk.end;
  }
}
