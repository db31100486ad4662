/** Names beside points, placed so that they cover neither each other nor what is drawn, if there is room. */
import type { Point } from './figure';

/** A name and the point that it belongs to. */
export interface Name {
  /** x and y in pixels, upwards. */
  at: Point;
  /** Width of its text in pixels. */
  width: number;
}

/** Where a name stands: from its point to its middle, in pixels, upwards. */
export type Shift = readonly [x: number, y: number];

/** A rectangle by its middle. */
interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

const HEIGHT = 17;
/** From a point to the edge of its name. */
const GAP = 7;
/** Directions from a point, the preferred ones first: right above, and so on. */
const DIRECTIONS: readonly Point[] = [
  [1, 1],
  [1, -1],
  [-1, 1],
  [-1, -1],
  [1.3, 0],
  [-1.3, 0],
  [0, 1.3],
  [0, -1.3],
];

/**
 * A place for each name, the first names first; undefined if every place would cover a name that stands
 * already.
 *
 * @param lines Lines that names should not cover, each from one point to another.
 */
export function placeNames(
  names: readonly Name[],
  lines: readonly (readonly [Point, Point])[],
): (Shift | undefined)[] {
  const taken: Box[] = [];
  return names.map(({ at, width }) => {
    const candidates = DIRECTIONS.map(([x, y], order) => {
      const shift: Shift = [x! * (GAP + width / 2), y! * (GAP + HEIGHT / 4)];
      const box = { x: at[0]! + shift[0], y: at[1]! + shift[1], width, height: HEIGHT };
      const crossed = lines.filter((line) => meets(box, line)).length;
      return { shift, box, cost: crossed + order / 100, covers: taken.some((other) => overlap(box, other)) };
    });
    const [best] = candidates.filter(({ covers }) => !covers).sort((a, b) => a.cost - b.cost);
    if (best === undefined) return undefined;
    taken.push(best.box);
    return best.shift;
  });
}

function overlap(a: Box, b: Box): boolean {
  return Math.abs(a.x - b.x) < (a.width + b.width) / 2 && Math.abs(a.y - b.y) < (a.height + b.height) / 2;
}

/** Whether a line runs through a box: by the part of it between the box's sides (Liang and Barsky). */
function meets({ x, y, width, height }: Box, [from, to]: readonly [Point, Point]): boolean {
  let [enter, leave] = [0, 1];
  const sides = [
    [from[0]! - x, to[0]! - from[0]!, width / 2],
    [from[1]! - y, to[1]! - from[1]!, height / 2],
  ] as const;
  for (const [start, way, half] of sides) {
    if (way === 0) {
      if (Math.abs(start) >= half) return false;
      continue;
    }
    const [a, b] = [(-half - start) / way, (half - start) / way];
    enter = Math.max(enter, Math.min(a, b));
    leave = Math.min(leave, Math.max(a, b));
  }
  return enter < leave;
}
