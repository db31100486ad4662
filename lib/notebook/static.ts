/**
 * Pictures of figures, made in Node without a browser: plotly.js draws an SVG in a jsdom window, resvg makes
 * a PNG of it.
 *
 * plotly.js needs three things that jsdom lacks: widths of texts (measured here on a canvas), a 2-D canvas
 * (for color bars) and lengths of paths (for contour labels). Texts are measured and drawn in Arimo, from its
 * package and not from the machine, so that pictures are the same everywhere; it has Arial's widths. The
 * packages are optional; without them figures have no picture.
 * Loading takes about 1 s, once; a figure 0.2-0.4 s.
 */
import { readFileSync } from 'node:fs';
import { checkNumber, LookbehindError } from '../core/errors';
import { checkOptions, number, type OptionsOf } from '../core/options';
import type { Figure } from '../figures';
import { flatten } from '../figures/flatten';
import { still } from '../figures/frames';
import { type Geometry, PICTURE_FONT, type SvgElement, svgBoxes, type TextRuler } from './svgBoxes';

const PICTURE = {
  /** Pixels of the picture per pixel of the figure, above 0. Default 2. */
  scale: number({ min: 0, exclusiveMin: true }, 2),
};

/** Options of `figureToPng`. */
export type PictureOptions = OptionsOf<typeof PICTURE>;

/** Pictures can't be made: an optional package is missing. */
export class PictureError extends LookbehindError {}

/**
 * A figure as PNG. Surfaces are drawn as contours.
 * @returns the picture's bytes.
 * @throws {OptionError} if the scale is not above 0. {PictureError} if plotly.js, jsdom, @napi-rs/canvas,
 * @resvg/resvg-js, svg-path-properties or @expo-google-fonts/arimo is not installed.
 */
export async function figureToPng(figure: Figure, options: PictureOptions = {}): Promise<Buffer> {
  const { scale } = checkOptions('figureToPng', PICTURE, options);
  return studio().toPng(await figureToSvg(figure), scale);
}

/** A figure as SVG; surfaces and errors as for `figureToPng`. */
export async function figureToSvg(figure: Figure): Promise<string> {
  const { plotly, parse } = studio();
  const flat = still(flatten(figure));
  const width = checkNumber('width of the figure', flat.layout.width ?? 820, { min: 0, exclusiveMin: true });
  const height = checkNumber('height of the figure', flat.layout.height ?? 440, {
    min: 0,
    exclusiveMin: true,
  });
  return plotly.toImage(parse(JSON.stringify(flat)), { format: 'svg', width, height, imageDataOnly: true });
}

/**
 * What plotly.js finds wrong with a figure: unknown attributes, bad values. Empty if all is well.
 * @throws {PictureError} as `figureToPng`.
 */
export function figureErrors(figure: Figure): string[] {
  const { plotly, parse } = studio();
  const { data, layout } = parse(JSON.stringify(figure)) as Figure;
  return (plotly.validate(data, layout) ?? []).map((one) => one.msg);
}

/** What is used of plotly.js. */
interface Plotly {
  toImage(figure: object, options: object): Promise<string>;
  validate(data: object[], layout: object): { msg: string }[] | undefined;
  PlotSchema: { get(): object };
}

/** plotly.js in its window, and what turns its drawings into pictures. */
interface Studio {
  plotly: Plotly;
  /** Objects must be born in the window: plotly.js knows plain objects and arrays by their constructors. */
  parse(json: string): object;
  toPng(svg: string, scale: number): Buffer;
}

/** What is used of jsdom's window. */
interface Window {
  eval(source: string): void;
  JSON: { parse(json: string): object };
  URL: object;
  Plotly: Plotly;
  Element: { prototype: object };
  SVGElement: { new (): unknown; prototype: object };
  HTMLCanvasElement: { prototype: object };
}

/** What is used of @napi-rs/canvas. */
interface CanvasPackage extends Geometry {
  createCanvas(width: number, height: number): Canvas;
  GlobalFonts: { registerFromPath(path: string, family: string): unknown };
}

interface Canvas {
  width: number;
  height: number;
  getContext(kind: '2d'): TextRuler;
  toDataURL(mimeType: 'image/png'): string;
}

const FONT_FILES = [
  '400Regular/Arimo_400Regular.ttf',
  '400Regular_Italic/Arimo_400Regular_Italic.ttf',
  '700Bold/Arimo_700Bold.ttf',
  '700Bold_Italic/Arimo_700Bold_Italic.ttf',
];
/** resvg takes this family whatever one a text asks for. */
const FONT_ROLES = {
  defaultFontFamily: 'Arimo',
  serifFamily: 'Arimo',
  sansSerifFamily: 'Arimo',
  monospaceFamily: 'Arimo',
};

let opened: Studio | undefined;

function studio(): Studio {
  opened ??= openStudio();
  return opened;
}

function openStudio(): Studio {
  const { JSDOM } = load<{ JSDOM: new (html: string, options: object) => { window: Window } }>('jsdom');
  const canvas = load<CanvasPackage>('@napi-rs/canvas');
  const fontFiles = FONT_FILES.map((file) => find(`@expo-google-fonts/arimo/${file}`));
  for (const file of fontFiles) {
    if (!canvas.GlobalFonts.registerFromPath(file, PICTURE_FONT))
      throw new PictureError(`The font ${file} can't be read. Install it anew.`);
  }
  const { Resvg } = load<{ Resvg: new (svg: string, options: object) => { render(): { asPng(): Buffer } } }>(
    '@resvg/resvg-js',
  );
  const source = readFileSync(find('plotly.js/dist/plotly.min.js'), 'utf8');

  const { window } = new JSDOM('<!doctype html><body></body>', {
    runScripts: 'outside-only',
    pretendToBeVisual: true,
  });
  Object.assign(window, {
    TextDecoder,
    TextEncoder,
    structuredClone,
    matchMedia: () => ({ matches: false, addListener() {}, addEventListener() {} }),
  });
  Object.assign(window.URL, { createObjectURL: () => 'blob:none', revokeObjectURL() {} });
  addMeasures(window, canvas);
  addCanvas(window, canvas);
  window.eval(source);
  // validate() would build the schema anew at each call, in 0.3 s.
  const { get } = window.Plotly.PlotSchema;
  let schema: object | undefined;
  window.Plotly.PlotSchema.get = () => {
    schema ??= get();
    return schema;
  };
  return {
    plotly: window.Plotly,
    parse: (json) => window.JSON.parse(json),
    toPng: (svg, scale) =>
      new Resvg(withinClips(svg), {
        font: { ...FONT_ROLES, fontFiles, loadSystemFonts: false },
        fitTo: { mode: 'zoom', value: scale },
      })
        .render()
        .asPng(),
  };
}

/**
 * Puts a point that is not seen into each group with a clip. resvg ends the process where all of such a group
 * lies off the picture: lines that are far off the range of an axis.
 */
function withinClips(svg: string): string {
  return svg.replace(
    /<g\b[^>]*\sclip-path="[^"]*"[^>]*>/g,
    '$&<rect width="1" height="1" fill-opacity="0"/>',
  );
}

/**
 * Gives elements their sizes: texts by their fonts, paths by their course; the page itself has the size of a
 * figure.
 */
function addMeasures(window: Window, canvas: CanvasPackage): void {
  type Path = { getTotalLength(): number; getPointAtLength(length: number): { x: number; y: number } };
  const { svgPathProperties } = load<{ svgPathProperties: new (path: string) => Path }>(
    'svg-path-properties',
  );
  const boxes = svgBoxes(canvas.createCanvas(1, 1).getContext('2d'), canvas);
  const path = (element: SvgElement) => new svgPathProperties(element.getAttribute('d') ?? 'M0,0');
  const page = { x: 0, y: 0, left: 0, top: 0, right: 820, bottom: 440, width: 820, height: 440 };
  Object.assign(window.Element.prototype, {
    getBoundingClientRect(this: SvgElement) {
      return this instanceof window.SVGElement ? boxes.onPage(this) : page;
    },
  });
  Object.assign(window.SVGElement.prototype, {
    getBBox(this: SvgElement) {
      return boxes.own(this);
    },
    getComputedTextLength(this: SvgElement) {
      return boxes.textLength(this);
    },
    getTotalLength(this: SvgElement) {
      return path(this).getTotalLength();
    },
    getPointAtLength(this: SvgElement, length: number) {
      return path(this).getPointAtLength(length);
    },
  });
}

/** Gives canvas elements something to draw on. */
function addCanvas(window: Window, { createCanvas }: CanvasPackage): void {
  const canvases = new WeakMap<object, Canvas>();
  Object.assign(window.HTMLCanvasElement.prototype, {
    getContext(this: Canvas, kind: string) {
      if (kind !== '2d') return null;
      let canvas = canvases.get(this);
      if (canvas?.width !== this.width || canvas.height !== this.height) {
        canvas = createCanvas(this.width, this.height);
        canvases.set(this, canvas);
      }
      return canvas.getContext('2d');
    },
    toDataURL(this: Canvas) {
      return canvases.get(this)?.toDataURL('image/png') ?? '';
    },
  });
}

/** An optional package, typed by what is used of it. */
function load<T>(name: string): T {
  return require(find(name)) as T;
}

/**
 * The path of a file of an optional package, such as `plotly.js/dist/plotly.min.js`. Throws a PictureError
 * if it is not installed.
 */
export function find(name: string): string {
  try {
    return require.resolve(name);
  } catch (cause) {
    const packageName = name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : name.split('/')[0];
    throw new PictureError(
      `Pictures of figures need the package ${packageName}. Install it with: npm install --save-dev ` +
        'plotly.js jsdom @napi-rs/canvas @resvg/resvg-js svg-path-properties @expo-google-fonts/arimo',
      { cause },
    );
  }
}
