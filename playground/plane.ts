/**
 * A part of the plane on the page: a loss as bands of height, and drawings over it that are as sharp as the
 * screen.
 */
import { contours } from 'd3-contour';
import { fixed, h, s } from './dom';
import type { PlaneLoss, Point } from './losses';

/** Numbers on a grid, row by row from the lowest y. */
export interface Heights {
  columns: number;
  rows: number;
  values: ArrayLike<number>;
}

/** A picture of a part of the plane. */
export class Plane {
  readonly element: HTMLElement;
  /** What is drawn over the loss, in pixels of the page. */
  readonly svg: SVGSVGElement;
  readonly #canvas: HTMLCanvasElement;
  #extent: PlaneLoss['extent'] = { x: [-1, 1], y: [-1, 1] };
  #size = { width: 0, height: 0 };
  #painted = '';

  /**
   * @param label Says to those who do not see it what it shows.
   * @param resized Is called when the plane got another size.
   */
  constructor(label: string, resized: () => void) {
    this.#canvas = h('canvas', { 'aria-hidden': 'true' });
    this.svg = s('svg', { role: 'group', 'aria-label': label });
    this.element = h('div', { class: 'plane' }, this.#canvas, this.svg);
    new ResizeObserver(() => {
      const { width, height } = this.element.getBoundingClientRect();
      if (width === this.#size.width && height === this.#size.height) return;
      this.#size = { width, height };
      this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
      if (width > 0) resized();
    }).observe(this.element);
  }

  /** Whether there is room to draw in. */
  get isShown(): boolean {
    return this.#size.width > 0;
  }

  /** The part of the plane that is shown. Both axes have one scale. */
  get extent(): PlaneLoss['extent'] {
    return this.#extent;
  }

  set extent(extent: PlaneLoss['extent']) {
    this.#extent = extent;
    const aspect = (extent.x[1] - extent.x[0]) / (extent.y[1] - extent.y[0]);
    this.element.style.setProperty('--aspect', `${aspect}`);
  }

  /** Whether a point lies within what is shown. */
  shows([x, y]: Point): boolean {
    const { x: across, y: up } = this.#extent;
    return x >= across[0] && x <= across[1] && y >= up[0] && y <= up[1];
  }

  /** A point of the plane in pixels. */
  pixel([x, y]: Point): Point {
    const { width, height } = this.#size;
    const { x: across, y: up } = this.#extent;
    return [((x - across[0]) / (across[1] - across[0])) * width, ((up[1] - y) / (up[1] - up[0])) * height];
  }

  /** The point of the plane under the pointer, inside what is shown. */
  point({ clientX, clientY }: MouseEvent): Point {
    const box = this.element.getBoundingClientRect();
    const { x, y } = this.#extent;
    const share = (at: number, length: number) => Math.min(1, Math.max(0, at / length));
    return [
      x[0] + share(clientX - box.left, box.width) * (x[1] - x[0]),
      y[1] - share(clientY - box.top, box.height) * (y[1] - y[0]),
    ];
  }

  /** Paints a loss, unless it is there already. Returns whether it painted. */
  paintLoss({ formula, value }: PlaneLoss): boolean {
    const { width, height } = this.#size;
    const key = [formula, width, height, devicePixelRatio, getComputedStyle(document.body).color].join();
    if (key === this.#painted) return false;
    this.#painted = key;
    const { x, y } = this.#extent;
    const columns = 120;
    const rows = Math.round((columns * (y[1] - y[0])) / (x[1] - x[0]));
    const at = ([from, to]: Point, i: number, n: number) => from + ((to - from) * (i + 0.5)) / n;
    const values = Float64Array.from({ length: columns * rows }, (_, i) =>
      value([at(x, i % columns, columns), at(y, Math.floor(i / columns), rows)]),
    );
    this.paint({ columns, rows, values });
    return true;
  }

  /** Paints heights that span the whole plane: the lower, the lighter. */
  paint({ columns, rows, values }: Heights, bands = 14): void {
    const { width, height } = this.#size;
    const density = devicePixelRatio || 1;
    this.#canvas.width = width * density;
    this.#canvas.height = height * density;
    const context = this.#canvas.getContext('2d')!;
    const colors = ramp(bands);
    const finite = Array.from(values).filter(Number.isFinite);
    const low = Math.min(...finite);
    const high = quantile(finite, 0.97);
    // Equal steps of the root: a bowl gets rings at equal distances.
    const levels = colors.map((_, i) => low + (i / bands) ** 2 * (high - low));
    const capped = Array.from(values, (value) => (Number.isFinite(value) ? value : high * 2));
    context.scale(density, density);
    context.fillStyle = colors[0]!;
    context.fillRect(0, 0, width, height);
    context.strokeStyle = cssColor('--contour');
    context.lineWidth = 0.75;
    // A frame of one cell around the grid, so that rings close outside of the picture.
    const framed = Array.from({ length: (columns + 2) * (rows + 2) }, (_, i) => {
      const inside = (at: number, count: number) => Math.min(count - 1, Math.max(0, at - 1));
      return capped[
        inside(Math.floor(i / (columns + 2)), rows) * columns + inside(i % (columns + 2), columns)
      ]!;
    });
    const rings = contours()
      .size([columns + 2, rows + 2])
      .thresholds(levels.slice(1))(framed);
    for (const [i, { coordinates }] of rings.entries()) {
      context.beginPath();
      for (const ring of coordinates.flat()) {
        for (const [n, [column, row]] of ring.entries()) {
          const place: Point = [((column! - 1) / columns) * width, height - ((row! - 1) / rows) * height];
          if (n === 0) context.moveTo(...place);
          else context.lineTo(...place);
        }
        context.closePath();
      }
      context.fillStyle = colors[i + 1]!;
      context.fill();
      context.stroke();
    }
  }
}

/**
 * A dot of radius `r` that the reader drags, with room around it for a finger: by pointer, or by arrow keys.
 */
export class Handle {
  readonly element: SVGGElement;
  readonly #plane: Plane;
  readonly #at: () => Point;

  /** @param at Where it is. @param moved Is told where it was dragged to. */
  constructor(plane: Plane, label: string, r: number, at: () => Point, moved: (point: Point) => void) {
    this.#plane = plane;
    this.#at = at;
    this.element = s(
      'g',
      { class: 'handle', tabindex: 0, role: 'slider', 'aria-label': label },
      s('circle', { r: 18, class: 'grip' }),
      s('circle', { r }),
    );
    plane.svg.addEventListener('pointerdown', (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      this.element.focus();
      plane.svg.setPointerCapture(event.pointerId);
      moved(plane.point(event));
    });
    plane.svg.addEventListener('pointermove', (event) => {
      if (plane.svg.hasPointerCapture(event.pointerId)) moved(plane.point(event));
    });
    this.element.addEventListener('keydown', (event) => {
      const step = event.shiftKey ? 0.1 : 0.02;
      const move = KEYS[event.key];
      if (move === undefined) return;
      event.preventDefault();
      const [x, y] = at();
      const inside = (value: number, [low, high]: Point) => Math.min(high, Math.max(low, value));
      moved([inside(x + step * move[0], plane.extent.x), inside(y + step * move[1], plane.extent.y)]);
    });
  }

  /** Shows where it is. */
  draw(): void {
    const [x, y] = this.#at();
    this.element.setAttribute('transform', `translate(${this.#plane.pixel([x, y]).join(' ')})`);
    const [low, high] = this.#plane.extent.x;
    this.element.setAttribute('aria-valuemin', `${low}`);
    this.element.setAttribute('aria-valuemax', `${high}`);
    this.element.setAttribute('aria-valuenow', `${x}`);
    this.element.setAttribute('aria-valuetext', `x ${fixed(x, 2)}, y ${fixed(y, 2)}; arrow keys move it`);
  }
}

const KEYS: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

/** An arrow between two places in pixels. */
export function arrow(from: Point, to: Point, className: string, head = 7): SVGElement {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  if (length < 0.5) return s('g');
  const size = Math.min(head, length * 0.6);
  const [ux, uy] = [dx / length, dy / length];
  const back: Point = [to[0] - ux * size, to[1] - uy * size];
  const side = size * 0.45;
  return s(
    'g',
    { class: `arrow ${className}` },
    s('line', { x1: from[0], y1: from[1], x2: back[0], y2: back[1] }),
    s('path', {
      d:
        `M${to[0]},${to[1]}L${back[0] - uy * side},${back[1] + ux * side}` +
        `L${back[0] + uy * side},${back[1] - ux * side}Z`,
    }),
  );
}

/** A color of the style sheet, which knows light from dark. */
export function cssColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Colors of `bands + 1` bands, from the lowest. */
function ramp(bands: number): string[] {
  const [low, high] = [cssColor('--low'), cssColor('--high')];
  return Array.from({ length: bands + 1 }, (_, i) => mixed(low, high, i / bands));
}

/** A color between two of the form #rrggbb. */
export function mixed(from: string, to: string, share: number): string {
  const parts = (color: string) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  const [a, b] = [parts(from), parts(to)];
  return `rgb(${a.map((part, i) => Math.round(part + (b[i]! - part) * share)).join(' ')})`;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}
