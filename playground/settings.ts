/**
 * The settings of a view, each described once: its control, its value, and how a link writes it.
 *
 *     const k = slider('<i>k</i>, steps back', { min: 1, max: 10, value: 3 });
 *     const settings = new Settings({ k }, redraw);
 *     settings.values.k       3, and another number once the reader moved the slider
 *     settings.control('k')   the slider
 *     settings.query()        'k=5' where it is not 3
 */
import { digits, h, html } from './dom';

/** A setting of type `T`. */
export interface Setting<T> {
  /** What it is before anyone changes it. */
  readonly value: T;
  /** As a link writes it. */
  write(value: T): string;
  /** Reads what a link wrote; undefined where that is nothing. */
  read(text: string): T | undefined;
  /** Makes its control, which calls `changed`, and returns it with a function that shows a value. */
  control?(changed: (value: T) => void): { element: HTMLElement; show(value: T): void };
}

type Description = Readonly<Record<string, Setting<unknown>>>;

/** The values of settings. */
export type ValuesOf<D> = { -readonly [K in keyof D]: D[K] extends Setting<infer T> ? T : never };

/** What a slider spans. */
export interface Span {
  min: number;
  max: number;
  value: number;
  /** Default: a thousandth of the whole way. */
  step?: number;
  /** Whether equal ways are equal factors. */
  log?: boolean;
}

/** How many sliders there are: their labels have names. */
let sliders = 0;

/** A number that a slider chooses. `label` is HTML, and `hint`, which says what it does. */
export function slider(
  label: string,
  { min, max, value, step, log = false }: Span,
  hint?: string,
): Setting<number> {
  const [from, to] = log ? [Math.log(min), Math.log(max)] : [min, max];
  const inside = insideOf({ min, max, step });
  return {
    ...bounded(value, inside),
    control(changed) {
      const number = () =>
        inside(Number((log ? Math.exp(input.valueAsNumber) : input.valueAsNumber).toPrecision(3)));
      const id = `slider-${++sliders}`;
      const input = h('input', {
        type: 'range',
        'aria-labelledby': id,
        'aria-describedby': hint && `${id}-hint`,
        min: from,
        max: to,
        step: step ?? (to - from) / 200,
        oninput: () => changed(number()),
      });
      const output = h('output');
      const show = (next: number) => {
        input.value = `${log ? Math.log(next) : next}`;
        input.setAttribute('aria-valuetext', digits(next));
        input.style.setProperty('--done', `${((input.valueAsNumber - from) / (to - from)) * 100}%`);
        output.textContent = digits(next);
      };
      const says = hint && h('small', { id: `${id}-hint` }, html(hint));
      const name = h('span', { id }, html(label));
      return { element: h('label', { class: 'slider' }, name, output, input, says || undefined), show };
    },
  };
}

/** A number without a control of its own: a coordinate that is dragged. */
export function hidden(span: Span): Setting<number> {
  return bounded(span.value, insideOf(span));
}

/** The nearest number that a span has: whatever a link says, the optimizers get what they take. */
function insideOf({ min, max, step }: Omit<Span, 'value'>): (number: number) => number {
  return (number) => {
    const at = step ? min + Math.round((number - min) / step) * step : number;
    return Math.min(max, Math.max(min, step ? Number(at.toPrecision(12)) : at));
  };
}

function bounded(value: number, inside: (number: number) => number): Setting<number> {
  return {
    value,
    write: (number) => `${Number(number.toPrecision(4))}`,
    read: (text) => (text.trim() !== '' && Number.isFinite(Number(text)) ? inside(Number(text)) : undefined),
  };
}

/** One of several, as buttons side by side. Names are what links say, their texts HTML. */
export function choice<T extends string>(
  label: string,
  choices: Readonly<Record<T, string>>,
  value: NoInfer<T>,
): Setting<T> {
  const names = Object.keys(choices) as T[];
  return {
    value,
    write: (name) => name,
    read: (text) => names.find((name) => name === text),
    control(changed) {
      const group = `${label}-${names.join('-')}`;
      const inputs = names.map((name) =>
        h('input', { type: 'radio', name: group, value: name, onchange: () => changed(name) }),
      );
      const labels = names.map((name, i) => h('label', {}, inputs[i], h('span', {}, html(choices[name]))));
      const element = h('fieldset', { class: 'choice' }, h('legend', {}, label), h('div', {}, ...labels));
      const show = (next: T) => {
        for (const [i, name] of names.entries()) inputs[i]!.checked = name === next;
      };
      return { element, show };
    },
  };
}

/** On or off. `label` is HTML. */
export function toggle(label: string, value: boolean): Setting<boolean> {
  return {
    value,
    write: (on) => (on ? '1' : '0'),
    read: (text) => (text === '1' ? true : text === '0' ? false : undefined),
    control(changed) {
      const input = h('input', { type: 'checkbox', role: 'switch', onchange: () => changed(input.checked) });
      const show = (on: boolean) => {
        input.checked = on;
      };
      return { element: h('label', { class: 'toggle' }, input, h('span', {}, html(label))), show };
    },
  };
}

/** The settings of one view. */
export class Settings<D extends Description> {
  /** The present values. Change them by `set`. */
  readonly values: ValuesOf<D>;
  readonly #description: D;
  readonly #changed: (names: readonly (keyof D)[]) => void;
  readonly #shows = new Map<keyof D, (value: never) => void>();

  /** @param changed Is told the names of what changed, whoever changed it. */
  constructor(description: D, changed: (names: readonly (keyof D)[]) => void) {
    this.#description = description;
    this.#changed = changed;
    this.values = Object.fromEntries(
      Object.entries(description).map(([name, { value }]) => [name, value]),
    ) as ValuesOf<D>;
  }

  /** Changes some values, and what shows them. */
  set(values: Partial<ValuesOf<D>>): void {
    const names = (Object.keys(values) as (keyof D)[]).filter((name) => values[name] !== this.values[name]);
    for (const name of names) {
      this.values[name] = values[name] as ValuesOf<D>[keyof D];
      this.#shows.get(name)?.(values[name] as never);
    }
    if (names.length > 0) this.#changed(names);
  }

  /** The control of a setting. */
  control<K extends keyof D & string>(name: K): HTMLElement {
    const { control } = this.#description[name] as Setting<unknown>;
    if (control === undefined) throw new Error(`${name} has no control`);
    const { element, show } = control((value) => this.set({ [name]: value } as Partial<ValuesOf<D>>));
    element.dataset.setting = name;
    this.#shows.set(name, show);
    show(this.values[name]);
    return element;
  }

  /** The controls of all settings that have one. */
  controls(): { readonly [K in keyof D]: HTMLElement } {
    const names = Object.keys(this.#description).filter((name) => this.#description[name]!.control);
    return Object.fromEntries(names.map((name) => [name, this.control(name)])) as Record<
      keyof D,
      HTMLElement
    >;
  }

  /** What a link says of the values: those that are not as at first. */
  query(): string {
    const entries = Object.entries(this.#description).flatMap(([name, setting]) => {
      const text = setting.write(this.values[name]);
      return text === setting.write(setting.value) ? [] : [[name, text] as [string, string]];
    });
    return new URLSearchParams(entries).toString();
  }

  /** Takes the values of a link: what it does not name, or names wrongly, is as at first. */
  restore(query: string): void {
    const given = new URLSearchParams(query);
    const values = Object.entries(this.#description).map(([name, setting]) => {
      const text = given.get(name);
      return [name, (text === null ? undefined : setting.read(text)) ?? setting.value];
    });
    this.set(Object.fromEntries(values));
  }
}
