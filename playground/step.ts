/**
 * The view "One step": k steps back, the gradients met there, one step forward, drawn where the reader puts
 * the weights.
 */
import { digits, fixed, h, html, isStill, s } from './dom';
import { LOSSES, type PlaneLoss, type Point } from './losses';
import { Names, type Way } from './names';
import { arrow, Handle, Plane } from './plane';
import { choice, hidden, Settings, slider, toggle } from './settings';
import { type PlaneStep, takeStep } from './takeStep';
import { layout, Motion, type View } from './view';

const SETTINGS = {
  loss: choice('Loss', { bowl: 'bowl', valley: 'bent valley', minima: 'two minima' }, 'bowl'),
  curvature: slider('curvature', { min: 1, max: 50, value: 5, log: true }),
  x: hidden({ min: -1.75, max: 1.75, value: -1.1 }),
  y: hidden({ min: -1.1, max: 1.6, value: 0.25 }),
  k: slider(
    '<i>k</i>, steps back',
    { min: 1, max: 10, value: 3, step: 1 },
    'More: climbs farther, meets more gradients',
  ),
  rho: slider(
    '<i>ρ</i>, length of a step back',
    { min: 0, max: 0.6, value: 0.25, step: 0.01 },
    'Longer: looks farther around. 0: only at <i>w</i>',
  ),
  alpha: slider(
    '<i>α</i>, how far forward',
    { min: 0.05, max: 1, value: 0.5, step: 0.01 },
    '1: all the way to <i>f</i>. Less: stays near <i>w</i>',
  ),
  rate: slider(
    '<i>η</i>, learning rate',
    { min: 0.005, max: 1, value: 0.08, log: true },
    'How far each gradient carries',
  ),
  adaptive: toggle('<i>α</i> adapts to the angle between the fast steps', false),
  hold: toggle('Hold <i>α</i> · <i>η</i>: move one, and the other answers', false),
};

const LEAD =
  'The loss seen from above: the lighter, the lower. Lookbehind-SAM first looks uphill, then goes down by ' +
  'what it met there: so it heeds the ground around its weights <i>w</i>. Drag <i>w</i>, or play the step.';

/** How many stages of the step the eye takes in per second. */
const STAGES_PER_SECOND = 1.6;

/** Makes the view. */
export function stepView(changed: () => void): View {
  const settings: Settings<typeof SETTINGS> = new Settings(SETTINGS, onChange);
  const { values } = settings;
  const plane = new Plane('The loss from above, with one step of Lookbehind-SAM', draw);
  const picture = s('g');
  const handle = new Handle(
    plane,
    'Where the step begins',
    6.5,
    () => [values.x, values.y],
    ([x, y]) => settings.set({ x: rounded(x), y: rounded(y) }),
  );
  plane.svg.append(picture, handle.element);

  const formula = h('p', { class: 'formula' });
  const sentence = h('p', { class: 'sentence', 'aria-live': 'polite' });
  const identity = h('p', { class: 'identity' });
  const numbers = h('table', { class: 'numbers' });
  const scrub = h('input', {
    type: 'range',
    min: 0,
    step: 0.01,
    'aria-label': 'Stage of the step',
    oninput: () => {
      motion.stop();
      stage = scrub.valueAsNumber;
      draw();
    },
  });
  const play = h('button', { class: 'primary', onclick: () => replay() }, 'Play the step');
  const take = h('button', { onclick: () => takeIt() }, 'Go on from w′');
  const controls = settings.controls();

  let loss: PlaneLoss;
  let step: PlaneStep;
  /**
   * How much of the step is drawn, in stages: a climb and a descent for each of the k steps back, then the
   * step forward.
   */
  let stage = Number.POSITIVE_INFINITY;
  const stages = () => 2 * step.fast.length + 1;
  const motion = new Motion((seconds) => {
    stage = Math.min(stages(), stage + seconds * STAGES_PER_SECOND);
    draw();
    return stage < stages();
  });

  compute();

  function onChange(names: readonly (keyof typeof SETTINGS)[]): void {
    if (names.length === 1 && names[0] === 'loss') {
      const [x, y] = LOSSES[values.loss](values.curvature).start;
      settings.set({ x, y });
    }
    if (values.hold && names.length === 1) hold(names[0]!);
    if (names.includes('hold') && values.hold) product = values.alpha * values.rate;
    motion.stop();
    stage = Number.POSITIVE_INFINITY;
    compute();
    draw();
    changed();
  }

  /** alpha times the learning rate, where it is held. */
  let product = 0;

  function hold(name: keyof typeof SETTINGS): void {
    if (name !== 'alpha' && name !== 'rate') return;
    product ||= values.alpha * values.rate;
    const inside = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));
    const alpha = inside(name === 'alpha' ? values.alpha : product / values.rate, 0.05, 1);
    const rate = inside(product / alpha, 0.005, 1);
    settings.set({ alpha: product / rate, rate });
  }

  function compute(): void {
    const { curvature, adaptive, k, rho, rate } = values;
    loss = LOSSES[values.loss](curvature);
    const alpha = adaptive ? 'adaptive' : values.alpha;
    step = takeStep(loss, [values.x, values.y], { k, rho, alpha, learningRate: rate });
    stage = Math.min(stage, stages());
    describe();
  }

  function replay(): void {
    motion.stop();
    if (isStill()) stage = stage >= stages() ? 1 : Math.floor(stage) + 1;
    else {
      stage = 0;
      motion.start();
    }
    draw();
  }

  function takeIt(): void {
    const [x, y] = step.end;
    settings.set({ x: rounded(x), y: rounded(y) });
  }

  function draw(): void {
    if (!plane.isShown) return;
    scrub.max = `${stages()}`;
    scrub.value = `${Math.min(stage, stages())}`;
    scrub.setAttribute('aria-valuetext', stageInWords(step, Math.min(stage, stages())));
    plane.paintLoss(loss);
    picture.replaceChildren(...drawing(plane, loss, step, Math.min(stage, stages()), values.rate));
    handle.draw();
  }

  function describe(): void {
    const { places, losses, fast, end, alpha, gradientEvaluations } = step;
    const [before, after] = [losses[0]!, loss.value(end)];
    const distance = away(places.at(-1)!, places[0]!);
    const count = fast.length;
    plane.extent = loss.extent;
    take.disabled = !plane.shows(end);
    formula.replaceChildren(html(loss.formula));
    sentence.replaceChildren(
      html(
        `${count === 1 ? 'One step back climbs' : `${count} steps back climb`} ${digits(distance)} away ` +
          `from <i>w</i>, from loss ${digits(before)} to ${digits(losses.at(-1)!)}. ` +
          (count === 1 ? 'The gradient met there carries ' : `The ${count} gradients met on the way carry `) +
          `the fast weights ${digits(away(fast.at(-1)!, places[0]!))} from <i>w</i>; the step forward ` +
          `goes ${alpha === 1 ? 'all' : digits(alpha)} of that way and ` +
          `${after <= before ? 'lowers' : 'raises'} the loss to ${digits(after)}` +
          `${plane.shows(end) ? '' : ', outside of the picture'}.`,
      ),
    );
    identity.hidden = values.adaptive;
    controls.hold.hidden = values.adaptive;
    controls.alpha.hidden = values.adaptive;
    const [x, y] = end.map((value) => fixed(value));
    const effective = digits(values.alpha * values.rate);
    identity.replaceChildren(
      html(
        values.hold
          ? '<b>A fixed <i>α</i> is a learning rate.</b> Move either: <i>f</i> runs near and far, and ' +
              `<i>w</i>′ stays at (${x}, ${y}), because only <i>α</i> · <i>η</i> = ${effective} counts.`
          : `<b>A fixed <i>α</i> is a learning rate.</b> Only <i>α</i> · <i>η</i> = ${effective} decides ` +
              'where <i>w</i>′ is. Hold it, and move <i>α</i>.',
      ),
    );
    const row = (name: string, point: Point, value: string) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, html(name)),
        ...[...point.map((one) => fixed(one)), value].map((text) => h('td', {}, text)),
      );
    numbers.replaceChildren(
      h(
        'caption',
        {},
        html(`Numbers of the step: ${gradientEvaluations} gradients, <i>α</i> = ${digits(alpha)}`),
      ),
      h('thead', {}, h('tr', {}, ...['', 'x', 'y', 'loss'].map((text) => h('th', { scope: 'col' }, text)))),
      h(
        'tbody',
        {},
        row('<i>w</i>', places[0]!, fixed(before)),
        ...places
          .slice(1)
          .map((point, i) => row(`<i>p</i><sub>${i + 1}</sub>`, point, fixed(losses[i + 1]!))),
        row(`<i>f</i><sub>${count}</sub>`, fast.at(-1)!, fixed(loss.value(fast.at(-1)!))),
        row('<i>w</i>′', end, fixed(after)),
      ),
    );
  }

  const element = layout('One step', {
    stage: [
      h('p', { class: 'lead' }, html(LEAD)),
      legend(),
      h('div', { class: 'transport' }, play, scrub, take),
      plane.element,
      sentence,
    ],
    side: [
      h('div', {}, controls.loss, formula),
      h(
        'div',
        { class: 'sliders' },
        ...(['k', 'rho', 'alpha', 'rate', 'curvature'] as const).map((name) => controls[name]),
      ),
      h('div', { class: 'card' }, identity, controls.hold, controls.adaptive),
      h('details', {}, h('summary', {}, 'All numbers of this step'), numbers),
    ],
  });
  return { title: 'One step', element, settings, show: draw, hide: () => motion.stop() };
}

function rounded(value: number): number {
  return Number(value.toFixed(3));
}

function away([x, y]: Point, [x0, y0]: Point): number {
  return Math.hypot(x - x0, y - y0);
}

function legend(): HTMLElement {
  const entries = [
    ['back', '<b>Back:</b> <i>k</i> climbs of length <i>ρ</i>'],
    ['gradient', 'At the end of each, its gradient times <i>η</i>'],
    ['fast', 'These, one after the other, from <i>w</i> to <i>f</i>'],
    ['forward', '<b>Forward:</b> the share <i>α</i> of that way'],
  ];
  return h(
    'ol',
    { class: 'legend' },
    ...entries.map(([kind, text]) =>
      h('li', {}, h('span', { class: `swatch ${kind}` }), h('span', {}, html(text!))),
    ),
  );
}

function stageInWords({ fast }: PlaneStep, stage: number): string {
  const k = fast.length;
  if (stage <= 0) return 'before the step';
  if (stage > 2 * k) return stage >= 2 * k + 1 ? 'the whole step' : 'the step forward';
  const at = Math.ceil(stage);
  return at % 2 === 1 ? `step back ${(at + 1) / 2} of ${k}` : `descent ${at / 2} of ${k}`;
}

/** The step as far as `stage`. */
function drawing(plane: Plane, loss: PlaneLoss, step: PlaneStep, stage: number, rate: number): SVGElement[] {
  const { places, gradients, fast, end } = step;
  const start = places[0]!;
  const done = (index: number) => eased(Math.min(1, Math.max(0, stage - index)));
  const part = (from: Point, to: Point, share: number): Point => [
    from[0] + (to[0] - from[0]) * share,
    from[1] + (to[1] - from[1]) * share,
  ];
  const drawn = (from: Point, to: Point, share: number, kind: string, head?: number) =>
    share > 0 ? [arrow(plane.pixel(from), plane.pixel(part(from, to, share)), kind, head)] : [];
  const dot = (point: Point, kind: string, r: number, share = 1) => {
    const [cx, cy] = plane.pixel(point);
    return share >= 1 ? [s('circle', { cx, cy, r, class: kind })] : [];
  };
  const k = fast.length;
  const back = gradients.flatMap((_, i) => {
    const share = done(2 * i);
    return [...drawn(places[i]!, places[i + 1]!, share, 'back'), ...dot(places[i + 1]!, 'back', 4, share)];
  });
  const met = gradients.flatMap(([gx, gy], i) => {
    const from = places[i + 1]!;
    return drawn(from, [from[0] - rate * gx, from[1] - rate * gy], done(2 * i + 1), 'gradient');
  });
  const ahead = fast.flatMap((point, i) => {
    const share = done(2 * i + 1);
    return [
      ...drawn(i === 0 ? start : fast[i - 1]!, point, share, 'fast', 6),
      ...dot(point, 'fast', 3, share),
    ];
  });
  const share = done(2 * k);
  const shown = { back: done(2 * k - 2) >= 1, fast: done(2 * k - 1) >= 1, forward: share >= 1 };
  const ways: Way[] = [
    ...gradients.map((_, i): Way => [places[i]!, places[i + 1]!]),
    ...fast.map((point, i): Way => [i === 0 ? start : fast[i - 1]!, point]),
    [start, end],
  ].map((way) => [plane.pixel(way[0]!), plane.pixel(way[1]!)]);
  const names = new Names(plane, ways);
  const texts = [
    names.place(start, 'slow', 'w'),
    ...(shown.forward ? [names.place(end, 'forward', 'w′')] : []),
    ...(shown.back ? [names.place(places[k]!, 'back', 'p', `${k}`)] : []),
    ...(shown.fast ? [names.place(fast[k - 1]!, 'fast', 'f', `${k}`)] : []),
  ];
  const minima = loss.minima.flatMap(({ point }) => {
    const [x, y] = plane.pixel(point);
    return [s('path', { class: 'minimum', d: `M${x - 5},${y}h10M${x},${y - 5}v10` })];
  });
  return [
    ...minima,
    ...met,
    ...back,
    ...ahead,
    ...drawn(start, end, share, 'forward', 9),
    ...dot(end, 'forward', 5, share),
    ...texts,
  ];
}

function eased(share: number): number {
  return share * share * (3 - 2 * share);
}
