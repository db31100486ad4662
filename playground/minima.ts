/**
 * The view "Two minima": all methods set off where the reader clicks, and a map says which start leads where.
 */
import { BasinMap, type Block } from './basins';
import { digits, fixed, h, html, isStill, s } from './dom';
import { FLAT, LOSSES, type PlaneLoss, type Point, SHARP } from './losses';
import { METHODS, type MethodName, styleOf } from './methods';
import { Names } from './names';
import { onCpu } from './onCpu';
import { cssColor, Handle, Plane } from './plane';
import { hidden, type Setting, Settings, slider, toggle } from './settings';
import { layout, Motion, type View } from './view';
import { type End, Walk } from './walk';

const SHOWN = Object.fromEntries(
  METHODS.map((method) => {
    const { label, color } = styleOf(method);
    return [method, toggle(`<span class="dot" style="background:${color}"></span>${label}`, true)];
  }),
) as Record<MethodName, Setting<boolean>>;

const SETTINGS = {
  x: hidden({ min: -1.55, max: 1.55, value: -1.3 }),
  y: hidden({ min: -1.1, max: 1.1, value: 0.3 }),
  rho: slider('<i>ρ</i>, length of a step back', { min: 0, max: 0.4, value: 0.12, step: 0.01 }),
  k: slider('<i>k</i>, steps back', { min: 1, max: 10, value: 3, step: 1 }),
  alpha: slider('<i>α</i>, how far forward', { min: 0.05, max: 1, value: 0.5, step: 0.05 }),
  rate: slider('<i>η</i>, learning rate', { min: 0.005, max: 0.1, value: 0.03, log: true }),
  curvature: slider('curvature of the sharp minimum', { min: 2, max: 50, value: 20, log: true }),
  speed: slider('speed, in steps per second', { min: 5, max: 400, value: 40, log: true }),
  ...SHOWN,
};

const LEAD =
  'A sharp and a flat minimum, equally deep. Click where all ' +
  'methods set off, and see in which one each ends.';

/** Milliseconds of each frame that the maps may take. */
const MAP_BUDGET = 9;

/** Makes the view. */
export function minimaView(changed: () => void): View {
  const settings: Settings<typeof SETTINGS> = new Settings(SETTINGS, onChange);
  const { values } = settings;
  const plane = new Plane('Two minima from above, with the ways of all methods', draw);
  const trails = s('g');
  const handle = new Handle(plane, 'Where all methods begin', 6, () => [values.x, values.y], begin);
  const names = s('g');
  plane.svg.append(trails, handle.element, names);

  const sentence = h('p', { class: 'sentence', 'aria-live': 'polite' });
  const formula = h('p', { class: 'formula' });
  const again = h('button', { class: 'primary', onclick: () => release() }, 'Set off again');
  const maps = new Map(METHODS.map((method) => [method, new MapPicture(method, begin)]));
  const states = new Map(METHODS.map((method) => [method, h('td')]));
  const table = h(
    'table',
    { class: 'numbers' },
    h(
      'thead',
      {},
      h('tr', {}, ...['Method', 'Steps', 'Loss', 'Ends'].map((text) => h('th', { scope: 'col' }, text))),
    ),
  );
  const body = h('tbody');
  table.append(body);

  let loss: PlaneLoss;
  let walks: { walk: Walk; path: Point[] }[] = [];
  /** Steps that are due, as motion goes on in parts of steps. */
  let due = 0;
  const motion = new Motion((seconds) => {
    due += seconds * values.speed;
    onCpu(() => {
      for (; due >= 1; due--) advance();
    });
    draw();
    const goOn = walks.some(({ walk }) => !walk.isOver);
    if (!goOn) describe();
    return goOn;
  });
  const mapping = new Motion(() => {
    const end = performance.now() + MAP_BUDGET;
    let open = [...maps.values()].filter(({ isDone }) => !isDone);
    // One change of the backend for all starts: it takes as long as a step.
    onCpu(() => {
      while (open.length > 0 && performance.now() < end) {
        for (const map of open) map.grow();
        open = open.filter(({ isDone }) => !isDone);
      }
    });
    return open.length > 0;
  });

  reset();

  function begin([x, y]: Point): void {
    settings.set({ x: Number(x.toFixed(3)), y: Number(y.toFixed(3)) });
    if (walks.every(({ walk }) => walk.isOver)) release();
  }

  function onChange(changes: readonly (keyof typeof SETTINGS)[]): void {
    const others = changes.filter((name) => name !== 'speed' && !(name in SHOWN));
    if (others.length > 0) reset(others.some((name) => name !== 'x' && name !== 'y'));
    if (others.length > 0 && plane.isShown) release();
    else draw();
    changed();
  }

  /** Puts all methods at the start, and begins the maps anew where other than the start changed. */
  function reset(withMaps = true): void {
    loss = LOSSES.minima(values.curvature);
    plane.extent = loss.extent;
    formula.replaceChildren(html(loss.formula));
    for (const { walk } of walks) walk.dispose();
    const { x, y, k, rho, alpha, rate } = values;
    const method = { k, rho, alpha, learningRate: rate };
    walks = METHODS.map((name) => ({ walk: new Walk(name, loss, [x, y], method), path: [[x, y]] }));
    if (withMaps) for (const [name, map] of maps) map.begin(new BasinMap(name, loss, method));
    if (withMaps && plane.isShown) mapping.start();
    sentence.replaceChildren(`All methods set off from (${fixed(x, 2)}, ${fixed(y, 2)}).`);
  }

  function release(): void {
    if (walks.some(({ walk }) => walk.steps > 0)) reset(false);
    due = 0;
    motion.start();
    if (!isStill()) return;
    motion.stop();
    onCpu(() => {
      while (walks.some(({ walk }) => !walk.isOver)) advance();
    });
    draw();
    describe();
  }

  function advance(): void {
    for (const { walk, path } of walks) if (!walk.isOver) path.push(walk.step());
  }

  function describe(): void {
    const ends = new Map<string, string[]>();
    for (const { walk } of walks.filter(({ walk }) => values[walk.method])) {
      const end = nameOf(walk.end);
      ends.set(end, [...(ends.get(end) ?? []), styleOf(walk.method).label]);
    }
    const parts = [...ends].map(([end, methods], i) => {
      const verb = i > 0 ? '' : methods.length === 1 ? 'ends ' : 'end ';
      return `${inWords(methods)} ${verb}in ${end === 'neither' ? 'neither' : `the ${end} minimum`}`;
    });
    const { k, rho } = values;
    // Where, above the bottom of the trench, the bowl is as low as its wall.
    const width = (FLAT[0] - SHARP[0]) / Math.sqrt(values.curvature - 1);
    sentence.replaceChildren(
      `From (${fixed(values.x, 2)}, ${fixed(values.y, 2)}), ${parts.join('; ')}. The sharp minimum ` +
        `reaches ${digits(width, 2)} to each side of its bottom; SAM looks ${digits(rho)} away, ` +
        `Multistep-SAM and Lookbehind-SAM up to ${digits(k * rho)}.`,
    );
  }

  function nameOf(end: End): string {
    return end === 'none' ? 'neither' : loss.minima[end]!.name;
  }

  function draw(): void {
    if (!plane.isShown) return;
    if (plane.paintLoss(loss)) {
      const labels = new Names(plane, []);
      names.replaceChildren(...loss.minima.map(({ name, point }) => labels.place(point, 'plain', name)));
      for (const map of maps.values()) map.draw();
    }
    handle.draw();
    const shown = walks.filter(({ walk }) => values[walk.method]);
    trails.replaceChildren(
      ...loss.minima.map(({ point }) => {
        const [x, y] = plane.pixel(point);
        return s('path', { class: 'minimum', d: `M${x - 5},${y}h10M${x},${y - 5}v10` });
      }),
      ...shown.flatMap(({ walk, path }) => {
        const { color } = styleOf(walk.method);
        const places = path.map((point) =>
          plane
            .pixel(point)
            .map((value) => value.toFixed(1))
            .join(' '),
        );
        const [cx, cy] = plane.pixel(walk.point);
        return [
          s('polyline', { class: 'trail', points: places.join(' '), stroke: color }),
          s('circle', { class: 'walker', cx, cy, r: 5.5, fill: color }),
        ];
      }),
    );
    for (const [method, map] of maps) map.element.hidden = !values[method];
    fillTable(shown.map(({ walk }) => walk));
  }

  function fillTable(shown: readonly Walk[]): void {
    body.replaceChildren(
      ...shown.map((walk) => {
        const { label, color } = styleOf(walk.method);
        const state = states.get(walk.method)!;
        state.textContent = walk.isOver ? nameOf(walk.end) : '…';
        const dot = h('span', { class: 'dot', style: `background:${color}` });
        const cells = [`${walk.steps}`, fixed(loss.value(walk.point))].map((text) => h('td', {}, text));
        return h('tr', {}, h('th', { scope: 'row' }, dot, label), ...cells, state);
      }),
    );
  }

  const control = settings.controls();
  const element = layout('Two minima', {
    stage: [
      h('p', { class: 'lead' }, LEAD),
      formula,
      plane.element,
      h('div', { class: 'transport' }, again, control.speed),
      sentence,
    ],
    more: [
      h('h2', {}, 'Which start leads where'),
      h(
        'p',
        { class: 'lead' },
        html(
          'Each point of a map is a start. <span class="key sharp"></span>ends in the sharp minimum, ' +
            '<span class="key flat"></span>in the flat one, <span class="key none"></span>in neither. ' +
            'The maps are computed here and now; click one to start there.',
        ),
      ),
      h('div', { class: 'maps' }, ...[...maps.values()].map((map) => map.element)),
    ],
    side: [
      h(
        'div',
        { class: 'sliders' },
        ...(['rho', 'k', 'alpha', 'rate', 'curvature'] as const).map((name) => control[name]),
      ),
      h('div', { class: 'card methods' }, ...METHODS.map((method) => control[method])),
      table,
    ],
  });
  return {
    title: 'Two minima',
    element,
    settings,
    show() {
      draw();
      release();
      mapping.start();
    },
    hide() {
      motion.stop();
      mapping.stop();
    },
  };
}

function inWords(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** The picture of a map. */
class MapPicture {
  readonly element: HTMLElement;
  readonly #canvas = h('canvas', { role: 'img', width: BasinMap.columns * 4, height: BasinMap.rows * 4 });
  readonly #share = h('span');
  #map: BasinMap | undefined;
  #blocks: Block[] = [];
  #colors: Partial<Record<End, string>> = {};

  constructor(method: MethodName, begin: (point: Point) => void) {
    const { label } = styleOf(method);
    this.element = h('figure', {}, this.#canvas, h('figcaption', {}, h('b', {}, label), this.#share));
    this.#canvas.addEventListener('click', (event) => {
      const box = this.#canvas.getBoundingClientRect();
      const { x, y } = LOSSES.minima(1).extent;
      begin([
        x[0] + ((event.clientX - box.left) / box.width) * (x[1] - x[0]),
        y[1] - ((event.clientY - box.top) / box.height) * (y[1] - y[0]),
      ]);
    });
  }

  get isDone(): boolean {
    return this.#map?.isDone ?? true;
  }

  begin(map: BasinMap): void {
    this.#map = map;
    this.#blocks = [];
    this.#canvas.getContext('2d')!.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** One start more. */
  grow(): void {
    const block = this.#map?.next();
    if (block === undefined) return;
    this.#blocks.push(block);
    this.#paint(block);
    const [sharp, flat] = [this.#map!.share(0), this.#map!.share(1)].map(
      (share) => `${Math.round(share * 100)} %`,
    );
    this.#share.textContent = `${sharp} sharp, ${flat} flat`;
    this.#canvas.setAttribute('aria-label', this.#share.textContent);
  }

  /** Draws all anew, in the colors of the style sheet. */
  draw(): void {
    this.#colors = { none: cssColor('--none'), 0: cssColor('--sharp'), 1: cssColor('--flat') };
    for (const block of this.#blocks) this.#paint(block);
  }

  #paint({ column, row, side, end }: Block): void {
    const context = this.#canvas.getContext('2d')!;
    context.fillStyle = this.#colors[end]!;
    context.fillRect(column * 4, (BasinMap.rows - row - side) * 4, side * 4, side * 4);
  }
}
