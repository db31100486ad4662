/**
 * Where the parts of an SVG drawing lie, which jsdom doesn't know and plotly.js needs for titles, legends and
 * margins: texts are measured on a canvas in the font that pictures are drawn with, groups are the union of
 * their parts, and transforms are applied on the way up. Paths count nothing: plotly.js asks only for texts
 * and for groups of texts.
 */

/** What is used of a DOM element; the library is compiled without the browser's types. */
export interface SvgElement {
  readonly nodeType: number;
  readonly nodeName: string;
  readonly textContent: string | null;
  readonly childNodes: ArrayLike<SvgElement>;
  readonly parentElement: SvgElement | null;
  readonly style?: {
    fontSize: string;
    fontStyle: string;
    fontWeight: string;
    textAnchor: string;
    display: string;
  };
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
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** An affine map, as DOM functions return it. */
interface Matrix {
  translate(x: number, y: number): Matrix;
  scale(x: number, y: number): Matrix;
  rotate(degrees: number): Matrix;
  transformPoint(point: { x: number; y: number }): { x: number; y: number };
}

/** What is used of @napi-rs/canvas: the geometry that browsers have and jsdom lacks. */
export interface Geometry {
  DOMRect: new (x: number, y: number, width: number, height: number) => Box;
  DOMMatrix: new () => Matrix;
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

/**
 * Own name of the font of pictures on a canvas: fonts of the machine have no say, not even those of the same
 * family.
 */
export const PICTURE_FONT = 'LookbehindPictures';

const TEXT_NODE = 3;
/** Height above and below the baseline, in font sizes: Arial's. */
const ASCENT = 0.905;
const DESCENT = 0.212;

/** Measures in the picture font, which the given canvas knows. */
export function svgBoxes(ruler: TextRuler, { DOMRect, DOMMatrix }: Geometry): SvgBoxes {
  const textLength = (node: SvgElement, inherited: Font): number => {
    if (node.nodeType === TEXT_NODE) {
      ruler.font = `${inherited.style} ${inherited.weight} ${inherited.size}px ${PICTURE_FONT}`;
      return ruler.measureText(node.textContent ?? '').width;
    }
    const font = ownFont(node, inherited);
    return Array.from(node.childNodes).reduce((sum, child) => sum + textLength(child, font), 0);
  };

  const union = (boxes: readonly (Box | undefined)[]): Box | undefined => {
    const some = boxes.filter((one) => one !== undefined);
    if (some.length === 0) return undefined;
    const x = Math.min(...some.map((one) => one.left));
    const y = Math.min(...some.map((one) => one.top));
    return new DOMRect(
      x,
      y,
      Math.max(...some.map((one) => one.right)) - x,
      Math.max(...some.map((one) => one.bottom)) - y,
    );
  };

  /** The box of an element in its parent's coordinates. */
  const moved = (box: Box | undefined, element: SvgElement): Box | undefined => {
    const transforms = (element.nodeType === TEXT_NODE ? null : element.getAttribute('transform')) ?? '';
    if (box === undefined || transforms === '') return box;
    let map = new DOMMatrix();
    for (const [, name, list] of transforms.matchAll(/(\w+)\s*\(([^)]*)\)/g)) {
      const [p = 0, q, r = 0] = list!.split(/[\s,]+/).map(Number);
      if (name === 'translate') map = map.translate(p, q ?? 0);
      else if (name === 'scale') map = map.scale(p, q ?? p);
      else if (name === 'rotate')
        map = map
          .translate(q ?? 0, r)
          .rotate(p)
          .translate(-(q ?? 0), -r);
    }
    const corners = [box.left, box.right].flatMap((x) =>
      [box.top, box.bottom].map((y) => map.transformPoint({ x, y })),
    );
    return union(corners.map(({ x, y }) => new DOMRect(x, y, 0, 0)));
  };

  const textBox = (text: SvgElement): Box | undefined => {
    const around = fontAround(text);
    const font = ownFont(text, around);
    const anchor = text.style?.textAnchor || text.getAttribute('text-anchor') || 'start';
    const lines = Array.from(text.querySelectorAll('tspan.line'));
    const boxes = (lines.length > 0 ? lines : [text]).map((line) => {
      const width = textLength(line, line === text ? around : font);
      const x = length(line.getAttribute('x') ?? text.getAttribute('x'), font.size);
      const y =
        length(line.getAttribute('y') ?? text.getAttribute('y'), font.size) +
        length(line.getAttribute('dy'), font.size);
      const left = x - (anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0);
      return width === 0
        ? undefined
        : new DOMRect(left, y - ASCENT * font.size, width, (ASCENT + DESCENT) * font.size);
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
        return new DOMRect(number('x'), number('y'), number('width'), number('height'));
      case 'g':
      case 'svg':
      case 'a':
        return union(Array.from(element.childNodes, (child) => moved(ownBox(child), child)));
      default:
        return undefined;
    }
  };

  const empty = new DOMRect(0, 0, 0, 0);
  return {
    own: (element) => ownBox(element) ?? empty,
    onPage(element) {
      let place = ownBox(element) ?? empty;
      for (let at: SvgElement | null = element; at?.style !== undefined; at = at.parentElement)
        place = moved(place, at)!;
      return place;
    },
    textLength: (element) => textLength(element, fontAround(element)),
  };
}

/** A length in pixels or, with `em`, in font sizes. */
function length(text: string | null, em: number): number {
  const number = Number.parseFloat(text ?? '');
  return Number.isNaN(number) ? 0 : text!.endsWith('em') ? number * em : number;
}

function fontAround(element: SvgElement): Font {
  const parent = element.parentElement;
  return parent?.style
    ? ownFont(parent, fontAround(parent))
    : { size: 12, style: 'normal', weight: 'normal' };
}

function ownFont({ style }: SvgElement, inherited: Font): Font {
  if (!style) return inherited;
  const size = Number.parseFloat(style.fontSize);
  return {
    size: Number.isNaN(size)
      ? inherited.size
      : style.fontSize.endsWith('%')
        ? (inherited.size * size) / 100
        : size,
    style: style.fontStyle || inherited.style,
    weight: style.fontWeight || inherited.weight,
  };
}
