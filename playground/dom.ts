/** Elements of the page in one call each. */

/** What an element may be given: attributes, and handlers by the names of their events (`onclick`). */
export type Attributes = Readonly<Record<string, unknown>>;
type Child = Node | string | undefined;

const SVG = 'http://www.w3.org/2000/svg';

/** An HTML element. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value as EventListener);
    else if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? '' : `${value}`);
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/**
 * A fragment of HTML that is written in the source: formulas, and words in italics. Never what a user gives.
 */
export function html(text: string): DocumentFragment {
  const template = document.createElement('template');
  template.innerHTML = text;
  return template.content;
}

/** Whether the reader asked for less motion. */
export function isStill(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}

/** A number as people read it: three digits that count, a real minus sign. */
export function digits(value: number, count = 3): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : '∞';
  const short = Math.abs(value) >= 1e5 ? value.toExponential(1) : `${Number(value.toPrecision(count))}`;
  return short.replace(/-/g, '−');
}

/** A number with a fixed count of digits behind the point: for what changes in place. */
export function fixed(value: number, count = 3): string {
  return Number.isFinite(value) ? value.toFixed(count).replace('-', '−') : digits(value);
}
