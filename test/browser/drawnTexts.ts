/** What is wrong with the texts of figures as a browser draws them: cut off, over one another, over plots. */
import { readFileSync } from 'node:fs';
import type { Figure } from 'lookbehind/figures';
import type { Browser, Page } from 'playwright-core';
import { find } from '../../lib/dist/notebook/static';

/** The corners of a line of text, one after the other, in pixels of the figure. */
type Quad = readonly (readonly [x: number, y: number])[];

/** A line of text as it stands in a figure. */
interface Line {
  text: string;
  /** Which text it is a line of. */
  owner: number;
  /** Class of the part of the figure that it belongs to. */
  part: string;
  corners: Quad;
}

/** A figure as it is drawn. */
interface Drawing {
  width: number;
  height: number;
  lines: Line[];
  /** The areas of data, one of each panel. */
  plots: { left: number; top: number; right: number; bottom: number }[];
}

/** Files of Arimo, which has the widths of Arial, and stands for it on machines that have neither. */
const FACES = ['400Regular', '400Regular_Italic', '700Bold', '700Bold_Italic'];

/** A rule of CSS that gives Arial's name to a file of Arimo. */
function faceOf(name: string): string {
  const file = readFileSync(find(`@expo-google-fonts/arimo/${name}/Arimo_${name}.ttf`)).toString('base64');
  const [slant, weight] = [name.endsWith('Italic') ? 'italic' : 'normal', name.slice(0, 3)];
  const style = `font-style: ${slant}; font-weight: ${weight}`;
  return `@font-face { font-family: Arial; ${style}; src: url(data:font/ttf;base64,${file}); }`;
}

/** A page that draws figures one after the other and looks at their texts. */
export class TextPage {
  private constructor(private readonly page: Page) {}

  /** A page without a network, with plotly.js in it. */
  static async open(browser: Browser): Promise<TextPage> {
    const context = await browser.newContext({ viewport: { width: 1500, height: 1000 }, offline: true });
    const page = await context.newPage();
    await page.setContent('<body style="margin: 0"><div id="figure"></div></body>');
    await page.addStyleTag({ content: FACES.map(faceOf).join('\n') });
    await page.evaluate(() => {
      const { document } = globalThis as unknown as InBrowser;
      return Promise.all([...document.fonts].map((font) => font.load()));
    });
    await page.addScriptTag({ path: find('plotly.js/dist/plotly.min.js') });
    return new TextPage(page);
  }

  /** What is wrong with the texts of a figure in a cell of `width` pixels, one sentence each. */
  async faults(figure: Figure, width: number): Promise<string[]> {
    return faultsOf(await this.page.evaluate(draw, { figure, width }));
  }

  /** A picture of the figure that was looked at last. */
  async picture(path: string): Promise<void> {
    await this.page.locator('#figure').screenshot({ path });
  }
}

/** What is used of the browser, for which tests have no declarations. */
interface Point {
  x: number;
  y: number;
}
interface Element {
  style: { width: string };
  textContent: string;
  parentNode: { closest(selector: string): { getAttribute(name: string): string } | null };
  querySelectorAll(selector: string): Iterable<Element>;
  getBBox(): Point & { width: number; height: number };
  getScreenCTM(): object;
  getBoundingClientRect(): { left: number; top: number; width: number; height: number };
  checkVisibility(options: object): boolean;
}
interface PlotAxis {
  _offset: number;
  _length: number;
}
type Plot = Element & {
  _fullLayout: {
    width: number;
    height: number;
    _plots: Record<string, { xaxis: PlotAxis; yaxis: PlotAxis }>;
  };
};
interface InBrowser {
  document: { getElementById(id: string): Plot; fonts: Iterable<{ load(): Promise<unknown> }> };
  Plotly: {
    purge(plot: Plot): void;
    newPlot(plot: Plot, data: object[], layout: object, config: object): Promise<void>;
  };
  DOMPoint: new (x: number, y: number) => { matrixTransform(by: object): Point };
}

/** Runs in the page. */
async function draw({ figure, width }: { figure: Figure; width: number }): Promise<Drawing> {
  const { document, Plotly, DOMPoint } = globalThis as unknown as InBrowser;
  const plot = document.getElementById('figure');
  Plotly.purge(plot);
  plot.style.width = `${width}px`;
  await Plotly.newPlot(plot, figure.data, figure.layout, { staticPlot: true });
  const around = plot.getBoundingClientRect();
  // No function has a name in here: tsx would call a helper of its own for it, which the page lacks.
  const lines = [...plot.querySelectorAll('.main-svg text')].flatMap((text, owner): Line[] => {
    if (!text.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return [];
    const parts = [...text.querySelectorAll('tspan.line')];
    const part = text.parentNode.closest('g[class]')?.getAttribute('class') ?? '';
    return (parts.length > 0 ? parts : [text])
      .filter(({ textContent }) => textContent.trim() !== '')
      .map((line) => {
        const { x, y, width, height } = line.getBBox();
        const onPage = line.getScreenCTM();
        const corners = [
          [x, y],
          [x + width, y],
          [x + width, y + height],
          [x, y + height],
        ].map(([x, y]) => new DOMPoint(x!, y!).matrixTransform(onPage));
        const quad = corners.map(({ x, y }) => [x - around.left, y - around.top] as const);
        return { text: line.textContent, owner, part, corners: quad };
      });
  });
  const plots = Object.values(plot._fullLayout._plots).map(({ xaxis, yaxis }) => ({
    left: xaxis._offset,
    right: xaxis._offset + xaxis._length,
    top: yaxis._offset,
    bottom: yaxis._offset + yaxis._length,
  }));
  const { width: drawn, height } = plot._fullLayout;
  return { width: drawn, height, lines, plots };
}

/** Letters do not fill their boxes: that share of the height is taken from above and from below. */
const EMPTY = 0.17;
/** Least way from one text to the next, in pixels. */
const APART = 2;
/** Parts outside of the areas of data. */
const OUTSIDE = /tick|g-.?[xy]title|g-gtitle|legendtext|cbtitle|slider|button/;
/** Smallest side of an area of data. */
const LEAST = 60;

function faultsOf({ width, height, lines, plots }: Drawing): string[] {
  const boxes = lines.map((line) => ({ ...line, corners: letters(line.corners) }));
  const cut = boxes
    .filter(({ corners }) => corners.some(([x, y]) => x < 0 || y < 0 || x > width || y > height))
    .map(({ text }) => `"${text}" leaves the figure`);
  const covered = boxes.flatMap((line, i) =>
    boxes
      .slice(i + 1)
      .filter((other) => other.owner !== line.owner && meet(line.corners, other.corners))
      .map((other) => `"${line.text}" (${line.part}) meets "${other.text}" (${other.part})`),
  );
  const inside = boxes
    .filter(({ part }) => OUTSIDE.test(part))
    .filter(({ corners }) =>
      plots.some(({ left, right, top, bottom }) =>
        meet(corners, [
          [left, top],
          [right, top],
          [right, bottom],
          [left, bottom],
        ]),
      ),
    )
    .map(({ text, part }) => `"${text}" (${part}) stands over the data`);
  const small = plots
    .map(({ left, right, top, bottom }) => [right - left, bottom - top] as const)
    .filter((sides) => Math.min(...sides) < LEAST)
    .map(([x, y]) => `an area of data has ${x.toFixed(0)} x ${y.toFixed(0)} pixels`);
  return [...cut, ...covered, ...inside, ...small];
}

/** The box of a line without the empty space above and below its letters, which turns with it. */
function letters([a, b, c, d]: Quad): Quad {
  const between = (p: Quad[0], q: Quad[0], share: number) =>
    [p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])] as const;
  return [between(a!, d!, EMPTY), between(b!, c!, EMPTY), between(c!, b!, EMPTY), between(d!, a!, EMPTY)];
}

/** Whether two convex shapes are closer than `APART` in each direction of their sides. */
function meet(one: Quad, other: Quad): boolean {
  return [one, other].every((shape) =>
    [0, 1].every((side) => {
      const [[x, y], [to, up]] = [shape[side]!, shape[side + 1]!];
      const length = Math.hypot(to - x, up - y) || 1;
      const along = (points: Quad) => points.map(([px, py]) => ((to - x) * px + (up - y) * py) / length);
      const [a, b] = [along(one), along(other)];
      const room = side === 0 && shape !== other ? APART : 0;
      return Math.min(...a) < Math.max(...b) + room && Math.min(...b) < Math.max(...a) + room;
    }),
  );
}
