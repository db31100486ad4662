/** Curves on the page: one small chart, in SVG. */
import { digits, h, html, s } from './dom';

/** A curve. */
export interface Curve {
  color: string;
  points: readonly (readonly [x: number, y: number])[];
  /** Drawn faintly, behind the others. */
  faint?: boolean;
  /** Drawn as a dot at its last point, too. */
  marked?: boolean;
}

/** What a chart is of. Texts are HTML. */
export interface ChartOptions {
  title: string;
  x: string;
  /** Ends of the y axis; the others follow from the curves. */
  from?: number;
  to?: number;
  /** How a value of y is written. */
  write?: (value: number) => string;
}

const MARGIN = { left: 42, right: 12, top: 8, bottom: 22 };
const HEIGHT = 150;

/** A chart with a title, which draws curves and says a sentence about them. */
export class Chart {
  readonly element: HTMLElement;
  readonly #svg = s('svg', { role: 'img', height: HEIGHT });
  readonly #says = h('p');
  readonly #options: ChartOptions;
  #curves: readonly Curve[] = [];

  constructor(options: ChartOptions) {
    this.#options = options;
    this.element = h('figure', { class: 'chart' }, h('h3', {}, html(options.title)), this.#svg, this.#says);
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  /** Draws curves. @param says What one sees, in HTML. */
  draw(curves: readonly Curve[], says: string): void {
    this.#curves = curves;
    this.#says.replaceChildren(html(says));
    this.#svg.setAttribute('aria-label', this.#says.textContent);
    this.#draw();
  }

  #draw(): void {
    const width = this.element.clientWidth;
    if (width === 0) return;
    const { x: name, from, to, write = digits } = this.#options;
    const all = this.#curves.flatMap(({ points }) => points).filter(([, y]) => Number.isFinite(y));
    const [left, right] = range(all.map(([x]) => x));
    const [low, high] = range([...all.map(([, y]) => y), ...[from, to].filter((end) => end !== undefined)]);
    const across = (x: number) =>
      MARGIN.left + ((x - left) / (right - left)) * (width - MARGIN.left - MARGIN.right);
    const up = (y: number) =>
      HEIGHT - MARGIN.bottom - ((y - low) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    const text = (attributes: object, content: string) =>
      s('text', { class: 'tick', ...attributes }, content);
    const rows = ticks(low, high, 3).flatMap((y) => [
      s('line', { class: 'rule', x1: MARGIN.left, x2: width - MARGIN.right, y1: up(y), y2: up(y) }),
      text({ x: MARGIN.left - 6, y: up(y) + 4, 'text-anchor': 'end' }, write(y)),
    ]);
    const columns = ticks(left, right, 4)
      .filter((x) => across(x) < width - 60)
      .map((x) => text({ x: across(x), y: HEIGHT - 6, 'text-anchor': 'middle' }, digits(x)));
    const lines = this.#curves.flatMap(({ color, points, faint, marked }) => {
      const drawn = points.filter(([, y]) => Number.isFinite(y));
      const places = drawn.map(([x, y]) => `${across(x).toFixed(1)},${up(y).toFixed(1)}`).join(' ');
      const [x, y] = drawn.at(-1) ?? [0, 0];
      const end =
        marked && drawn.length > 0 ? [s('circle', { cx: across(x), cy: up(y), r: 4.5, fill: color })] : [];
      return [
        s('polyline', { class: faint ? 'curve faint' : 'curve', points: places, stroke: color }),
        ...end,
      ];
    });
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
    const label = text({ x: width - MARGIN.right, y: HEIGHT - 6, 'text-anchor': 'end' }, '');
    label.append(name);
    this.#svg.replaceChildren(...rows, ...columns, label, ...lines);
  }
}

function range(values: readonly number[]): [number, number] {
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (!Number.isFinite(low)) return [0, 1];
  return high > low ? [low, high] : [low, low + 1];
}

/** About `count` round numbers between two. */
function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough)!;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(6)),
  );
}
