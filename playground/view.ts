/** What a view of the page is. */
import { h } from './dom';
import type { Settings } from './settings';

/** A view. */
export interface View {
  /** What its tab says. */
  title: string;
  element: HTMLElement;
  // biome-ignore lint/suspicious/noExplicitAny: views have settings of their own.
  settings: Settings<any>;
  /** The reader looks at it: draws, and goes on. */
  show(): void;
  /** The reader looks elsewhere: whatever moves stops. */
  hide(): void;
  /** What else a bug report needs. */
  report?(): Promise<string[]>;
}

/**
 * What a view shows: a picture and what goes with it, controls beside them, and what comes below the picture.
 */
export function layout(
  label: string,
  { stage, side, more = [] }: Record<'stage' | 'side', Node[]> & { more?: Node[] },
): HTMLElement {
  const part = (name: string, nodes: Node[]) => h('div', { class: name }, ...nodes);
  const below = more.length > 0 ? [part('more', more)] : [];
  return h(
    'section',
    { class: 'view', 'aria-label': label },
    part('stage', stage),
    ...below,
    part('side', side),
  );
}

/**
 * Calls `frame` before each drawing of the browser, with the seconds since the last call, until it returns
 * false.
 */
export class Motion {
  readonly #frame: (seconds: number) => boolean;
  #request = 0;
  #last = 0;

  constructor(frame: (seconds: number) => boolean) {
    this.#frame = frame;
  }

  get runs(): boolean {
    return this.#request !== 0;
  }

  start(): void {
    if (this.runs) return;
    this.#last = performance.now();
    this.#request = requestAnimationFrame(this.#tick);
  }

  stop(): void {
    cancelAnimationFrame(this.#request);
    this.#request = 0;
  }

  readonly #tick = (now: number): void => {
    const seconds = Math.min(0.1, Math.max(0, now - this.#last) / 1000);
    this.#last = now;
    this.#request = requestAnimationFrame(this.#tick);
    if (!this.#frame(seconds)) this.stop();
  };
}
