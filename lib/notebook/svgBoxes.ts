/**
 * Where the parts of an SVG drawing lie, which jsdom doesn't know and plotly.js needs for titles, legends and margins: texts are measured
 * on a canvas in the font that pictures are drawn with, groups are the union of their parts, and transforms are applied on the way up. Paths count nothing:
 * plotly.js asks only for texts and for groups of texts.
 */

/** What is used of a DOM element; the library is compiled without the browser's types. */
export interface SvgElement {
  readonly nodeType: number;
  readonly nodeName: string;
  readonly textContent: string | null;
  readonly childNodes: ArrayLike<SvgElement>;
  readonly parentElement: SvgElement | null;
  readonly style?: { fontSize: string; fontStyle: string; fontWeight: string; textAnchor: string; display: string };
  querySelectorAll(selector: string): ArrayLike<SvgElement>;
  getAttribute(name: string): string | null;
}

/** The part of a canvas context that measures texts. */
export interface TextRuler {
  font: string;
  measureText(text: string): { width: number };
}

/** A rectangle, as DOM functions return it. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Measures elements. */
export interface SvgBoxes {
  /** In the element's own coordinates, like `getBBox`. */
  own(element: SvgElement): Box;
  /** On the page, like `getBoundingClientRect`. */
  onPage(element: SvgElement): Box;
  /** Width of a text in its own coordinates. */
  textLength(element: SvgElement): number;
}

interface Font {
  size: number;
  style: string;
  weight: string;
}

/** The affine map x' = a x + c y + e, y' = b x + d y + f. */
type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** Own name of the font of pictures on a canvas: fonts of the machine have no say, not even those of the same family. */
export const PICTURE_FONT = 'LookbehindPictures';

const TEXT_NODE = 3;
/** Height above and below the baseline, in font sizes: Arial's. */
const ASCENT = 0.905;
const DESCENT = 0.212;
const IDENTITY: Affine = [1, 0, 0, 1, 0, 0];
const EMPTY = box(0, 0, 0, 0);

/** Measures in the picture font, which the given canvas knows. */
export function svgBoxes(ruler: TextRuler): SvgBoxes {
  const textLength = (node: SvgElement, inherited: Font): number => {
    if (node.nodeType === TEXT_NODE) {
      ruler.font = `${inherited.style} ${inherited.weight} ${inherited.size}px ${PICTURE_FONT}`;
      return ruler.measureText(node.textContent ?? '').width;
    }
    const font = ownFont(node, inherited);
    return children(node).reduce((sum, child) => sum + textLength(child, font), 0);
  };

  const textBox = (text: SvgElement): Box | undefined => {
    const around = fontAround(text);
    const font = ownFont(text, around);
    const anchor = text.style?.textAnchor || text.getAttribute('text-anchor') || 'start';
    const lines = Array.from(text.querySelectorAll('tspan.line'));
    const boxes = (lines.length > 0 ? lines : [text]).map((line) => {
      const width = textLength(line, line === text ? around : font);
      const x = length(line.getAttribute('x') ?? text.getAttribute('x'), font.size);
      const y = length(line.getAttribute('y') ?? text.getAttribute('y'), font.size) + length(line.getAttribute('dy'), font.size);
      const left = x - (anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0);
      return width === 0 ? undefined : box(left, y - ASCENT * font.size, width, (ASCENT + DESCENT) * font.size);
    });
    return union(boxes);
  };

  const ownBox = (element: SvgElement): Box | undefined => {
    if (element.nodeType === TEXT_NODE || element.style?.display === 'none') return undefined;
    const number = (name: string) => length(element.getAttribute(name), 0);
    switch (element.nodeName) {
      case 'text':
      case 'tspan':
        return textBox(element);
      case 'rect':
      case 'image':
        return box(number('x'), number('y'), number('width'), number('height'));
      case 'g':
      case 'svg':
      case 'a':
        return union(children(element).map((child) => moved(ownBox(child), transform(child))));
      default:
        return undefined;
    }
  };

  return {
    own: (element) => ownBox(element) ?? EMPTY,
    onPage(element) {
      let place = ownBox(element) ?? EMPTY;
      for (let at: SvgElement | null = element; at !== null && at.style !== undefined; at = at.parentElement) {
        place = moved(place, transform(at))!;
      }
      return place;
    },
    textLength: (element) => textLength(element, fontAround(element)),
  };
}

function children(element: SvgElement): SvgElement[] {
  return Array.from(element.childNodes);
}

function box(x: number, y: number, width: number, height: number): Box {
  return { x, y, width, height, left: x, top: y, right: x + width, bottom: y + height };
}

function union(boxes: readonly (Box | undefined)[]): Box | undefined {
  const some = boxes.filter((one) => one !== undefined);
  if (some.length === 0) return undefined;
  const x = Math.min(...some.map((one) => one.left));
  const y = Math.min(...some.map((one) => one.top));
  return box(x, y, Math.max(...some.map((one) => one.right)) - x, Math.max(...some.map((one) => one.bottom)) - y);
}

function moved(place: Box | undefined, [a, b, c, d, e, f]: Affine): Box | undefined {
  if (place === undefined) return undefined;
  const corners = [place.left, place.right].flatMap((x) =>
    [place.top, place.bottom].map((y) => box(a * x + c * y + e, b * x + d * y + f, 0, 0)),
  );
  return union(corners);
}

/** The map of an element's `transform` attribute. */
function transform(element: SvgElement): Affine {
  const attribute = element.nodeType === TEXT_NODE ? null : element.getAttribute('transform');
  let whole = IDENTITY;
  for (const [, name, list] of (attribute ?? '').matchAll(/(\w+)\s*\(([^)]*)\)/g)) {
    const numbers = list!.split(/[\s,]+/).map(Number);
    const [p = 0, q, r = 0] = numbers;
    if (name === 'translate') whole = product(whole, [1, 0, 0, 1, p, q ?? 0]);
    else if (name === 'scale') whole = product(whole, [p, 0, 0, q ?? p, 0, 0]);
    else if (name === 'rotate') {
      const [cos, sin] = [Math.cos((p * Math.PI) / 180), Math.sin((p * Math.PI) / 180)];
      const turned = product([1, 0, 0, 1, q ?? 0, r], [cos, sin, -sin, cos, 0, 0]);
      whole = product(whole, product(turned, [1, 0, 0, 1, -(q ?? 0), -r]));
    }
  }
  return whole;
}

function product([a, b, c, d, e, f]: Affine, [g, h, i, j, k, l]: Affine): Affine {
  return [a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * l + e, b * k + d * l + f];
}

/** A length in pixels or, with `em`, in font sizes. */
function length(text: string | null, em: number): number {
  const number = Number.parseFloat(text ?? '');
  return Number.isNaN(number) ? 0 : text!.endsWith('em') ? number * em : number;
}

function fontAround(element: SvgElement): Font {
  const parent = element.parentElement;
  return parent?.style ? ownFont(parent, fontAround(parent)) : { size: 12, style: 'normal', weight: 'normal' };
}

function ownFont({ style }: SvgElement, inherited: Font): Font {
  if (!style) return inherited;
  const size = Number.parseFloat(style.fontSize);
  return {
    size: Number.isNaN(size) ? inherited.size : style.fontSize.endsWith('%') ? (inherited.size * size) / 100 : size,
    style: style.fontStyle || inherited.style,
    weight: style.fontWeight || inherited.weight,
  };
}
