/** The frame of the page: tabs, the link that restores what one sees, and the name of what computes. */
import * as tf from '@tensorflow/tfjs';
import { h } from './dom';
import type { View } from './view';

/** Views by the names that links call them. */
export type Views = Readonly<Record<string, View>>;

/**
 * Shows the views on the page, and the one that the address names. `given` stands where the address names
 * nothing.
 */
export function shell(root: HTMLElement, makeViews: (changed: () => void) => Views, given = ''): void {
  let address: ReturnType<typeof setTimeout> | undefined;
  const views = makeViews(() => {
    // Safari lets a page write its address a hundred times in half a minute.
    clearTimeout(address);
    address = setTimeout(writeAddress, 250);
  });
  const names = Object.keys(views);
  let present = '';

  const tabs = names.map((name) =>
    h(
      'button',
      {
        role: 'tab',
        id: `tab-${name}`,
        'aria-controls': `view-${name}`,
        onclick: () => open(name),
        onkeydown: move,
      },
      views[name]!.title,
    ),
  );
  const panels = names.map((name) => {
    const { element } = views[name]!;
    element.id = `view-${name}`;
    element.setAttribute('role', 'tabpanel');
    element.setAttribute('aria-labelledby', `tab-${name}`);
    return element;
  });
  const report = h('pre');
  const copy = h('button', { class: 'quiet', onclick: () => copyLink() }, 'Copy link');
  root.append(
    h(
      'header',
      {},
      h('h1', {}, 'Lookbehind', h('span', {}, 'k steps back, 1 step forward')),
      h('div', { role: 'tablist', 'aria-label': 'Views' }, ...tabs),
      copy,
    ),
    h('main', {}, ...panels),
    h(
      'footer',
      {},
      h('p', {}, 'All that moves here is computed in this page, by the library itself.'),
      h(
        'details',
        { ontoggle: async () => report.replaceChildren(await forReport()) },
        h('summary', {}, 'For a bug report'),
        report,
      ),
    ),
  );
  addEventListener('hashchange', restore);
  followTheme(() => views[present]?.show());
  document.addEventListener('visibilitychange', () =>
    document.hidden ? views[present]!.hide() : views[present]!.show(),
  );
  fitFrame(root);
  restore();

  function restore(): void {
    const [name, query = ''] = (location.hash.slice(1) || given).split('?');
    const known = names.includes(name!) ? name! : names[0]!;
    if (known === name) views[known]!.settings.restore(query);
    open(known);
  }

  function open(name: string): void {
    if (name !== present) views[present]?.hide();
    present = name;
    for (const [i, one] of names.entries()) {
      panels[i]!.hidden = one !== name;
      tabs[i]!.setAttribute('aria-selected', `${one === name}`);
      tabs[i]!.tabIndex = one === name ? 0 : -1;
    }
    views[name]!.show();
    writeAddress();
  }

  function move(event: KeyboardEvent): void {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way === undefined) return;
    event.preventDefault();
    const next = (names.indexOf(present) + way + names.length) % names.length;
    open(names[next]!);
    tabs[next]!.focus();
  }

  function link(): string {
    const query = views[present]!.settings.query();
    return `#${present}${query && `?${query}`}`;
  }

  async function forReport(): Promise<string> {
    return [
      `Lookbehind ${VERSION}, TensorFlow.js ${tf.version_core}, backend ${tf.getBackend()}`,
      navigator.userAgent,
      `${link()}, ${innerWidth} x ${innerHeight} at ${devicePixelRatio}`,
      ...((await views[present]!.report?.()) ?? []),
    ].join('\n');
  }

  function writeAddress(): void {
    // A page inside of a notebook's output has no address of its own.
    if (!isFramed()) history.replaceState(null, '', link());
  }

  async function copyLink(): Promise<void> {
    writeAddress();
    const done = await navigator.clipboard.writeText(location.href).then(
      () => true,
      () => false,
    );
    copy.textContent = done ? 'Copied' : 'See the address bar';
    setTimeout(() => {
      copy.textContent = 'Copy link';
    }, 2000);
  }
}

/** Whether the page lies in the output of a notebook. */
function isFramed(): boolean {
  return location.protocol === 'about:';
}

/**
 * Makes the page dark where the reader's system is, or JupyterLab around it, and calls `changed` when that
 * changes.
 */
function followTheme(changed: () => void): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const lab = isFramed() ? window.frameElement?.ownerDocument.body : undefined;
  const show = () => {
    // An exported notebook names a light theme, and is made dark by a filter where the system is.
    const isFiltered = lab !== undefined && getComputedStyle(lab).filter !== 'none';
    const jpThemeLight = isFiltered ? undefined : lab?.dataset.jpThemeLight;
    const isDark = jpThemeLight === undefined ? system.matches : jpThemeLight === 'false';
    if (isDark === document.documentElement.classList.contains('dark')) return;
    document.documentElement.classList.toggle('dark', isDark);
    changed();
  };
  show();
  system.addEventListener('change', show);
  if (lab) new MutationObserver(show).observe(lab, { attributeFilter: ['data-jp-theme-light'] });
}

/** Makes the frame around the page as high as the page, and hides the picture that stood for it. */
function fitFrame(root: HTMLElement): void {
  if (!isFramed()) return;
  document.documentElement.classList.add('framed');
  const frame = window.frameElement as HTMLElement | null;
  if (frame === null) return;
  const picture = frame.previousElementSibling as HTMLElement | null;
  if (picture !== null) picture.hidden = true;
  new ResizeObserver(() => {
    frame.style.height = `${Math.ceil(root.getBoundingClientRect().height)}px`;
  }).observe(root);
}
