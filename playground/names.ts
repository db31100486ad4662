/** Names of points, where they cover nothing that is drawn. */
import { s } from './dom';
import type { Point } from './losses';
import type { Plane } from './plane';

/** A straight way between two places in pixels. */
export type Way = readonly [from: Point, to: Point];

/** How far a name is from its point, in pixels, and how near to the edge it may come. */
const DISTANCE = 20;
const EDGE = 13;

/** Places names one after the other: each in that direction from its point in which the most room is left. */
export class Names {
  readonly #plane: Plane;
  /** Places that names keep away from. */
  readonly #taken: Point[];

  constructor(plane: Plane, ways: readonly Way[]) {
    this.#plane = plane;
    this.#taken = ways.flatMap(([[x0, y0], [x1, y1]]) =>
      Array.from({ length: 13 }, (_, i): Point => [x0 + ((x1 - x0) * i) / 12, y0 + ((y1 - y0) * i) / 12]),
    );
  }

  /** The name of `point`, with an index; nothing where the point is outside. */
  place(point: Point, kind: string, name: string, index?: string): SVGElement {
    if (!this.#plane.shows(point)) return s('g');
    const [x, y] = this.#plane.pixel(point);
    const { width, height } = this.#plane.svg.viewBox.baseVal;
    const inside = ([px, py]: Point) => px > EDGE && py > EDGE && px < width - EDGE && py < height - EDGE;
    const room = (place: Point) =>
      (inside(place) ? 1000 : 0) +
      Math.min(1e3, ...this.#taken.map(([tx, ty]) => Math.hypot(tx - place[0], ty - place[1])));
    const places = Array.from({ length: 16 }, (_, i): Point => {
      const angle = (i / 16) * 2 * Math.PI;
      return [x + DISTANCE * Math.cos(angle), y + DISTANCE * Math.sin(angle)];
    });
    const best = places.reduce((a, b) => (room(b) > room(a) + 0.5 ? b : a));
    this.#taken.push(best, [best[0] - 8, best[1]], [best[0] + 8, best[1]]);
    return s(
      'text',
      { class: `name ${kind}`, x: best[0], y: best[1] + 5 },
      name,
      ...(index ? [s('tspan', { class: 'index', dy: 4 }, index)] : []),
    );
  }
}
