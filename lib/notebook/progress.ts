/** A progress bar with the time left and current values: in a cell's output, or as one line of a terminal. */

import { duration } from '../core/duration';
import { escapeHtml, terminalLine } from '../core/escape';
import { checkOptions, flag, needed, number, type OptionsOf, text } from '../core/options';
import { ERASE_LINE, progressBar } from '../core/progressBar';
import { inKernel, newOutput } from './display';
import { throttle } from './throttle';

/** Values shown beside the bar, such as the current loss. Numbers are shown with four significant digits. */
export type ProgressValues = Record<string, number | string>;

const PROGRESS = {
  /** What is going on, in one or two words. */
  title: needed(text()),
  /** How many units make the whole. */
  total: needed(number({ min: 0, exclusiveMin: true })),
  /** Name of the units; `%` for a share of the whole, with total 1. Default: steps. */
  unit: text('steps'),
  /** Units that were done before (a resumed run): not counted for the speed. Default 0. */
  from: number({ min: 0 }, 0),
  /** Shows nothing. Default false. */
  silent: flag(false),
};

/** Options of `progress`. */
export type ProgressOptions = OptionsOf<typeof PROGRESS>;

/** A running progress bar. */
export interface Progress {
  /** Says how much of the total is done now, and shows values. At most 10 drawings a second. */
  update(done: number, values?: ProgressValues): void;
  /**
   * Leaves one quiet line: finished, or stopped at how much. Call it in `finally`; further calls do nothing.
   */
  finish(values?: ProgressValues): void;
}

const INTERVAL = 100;

/**
 * Starts a progress bar.
 * @example
 * const bar = progress({ title: 'Training', total: epochs, unit: 'epochs' });
 * try { await train({ onEpoch: (epoch, loss) => bar.update(epoch, { loss }) }); } finally { bar.finish(); }
 * @throws {OptionError} where total is not positive.
 */
export function progress(options: ProgressOptions): Progress {
  const { silent, ...settings } = checkOptions('progress', PROGRESS, options);
  const state: State = { ...settings, done: settings.from, values: {}, start: performance.now() };
  const output = newOutput();
  const terminal = process.stderr;
  let finished = silent;

  const drawing = throttle(() => {
    if (inKernel()) output.update({ 'text/html': barHtml(state), 'text/plain': barText(state) });
    else if (terminal.isTTY)
      terminal.write(ERASE_LINE + barText(state).slice(0, (terminal.columns || 80) - 1));
  }, INTERVAL);
  if (!silent) drawing.call();

  return {
    update(done, values = {}) {
      if (finished) return;
      state.done = done;
      Object.assign(state.values, values);
      drawing.call();
    },
    finish(values = {}) {
      if (finished) return;
      finished = true;
      drawing.cancel();
      Object.assign(state.values, values);
      const text = terminalLine(endText(state));
      if (inKernel())
        output.update({ 'text/html': `<small>${escapeHtml(endText(state))}</small>`, 'text/plain': text });
      else terminal.write(`${terminal.isTTY ? ERASE_LINE : ''}${text}\n`);
    },
  };
}

interface State extends Required<Omit<ProgressOptions, 'silent'>> {
  done: number;
  values: ProgressValues;
  /** Of `performance.now()`. */
  start: number;
}

function barText(state: State): string {
  return `${terminalLine(state.title)} ${progressBar(fraction(state))} ${terminalLine(facts(state))}`;
}

function barHtml(state: State): string {
  const track =
    'display:inline-block;vertical-align:middle;width:220px;height:8px;border-radius:4px;' +
    'background:rgba(128,128,128,.25)';
  const width = `${(fraction(state) * 100).toFixed(1)}%`;
  const bar = `display:block;width:${width};height:8px;border-radius:4px;background:#2b8cb5`;
  return (
    `<div style="font-variant-numeric:tabular-nums"><b>${escapeHtml(state.title)}</b> <span ` +
    `style="${track};margin:0 8px"><span style="${bar}"></span></span> ${escapeHtml(facts(state))}</div>`
  );
}

/** 12/30 epochs · 3 s · 5 s left · loss 0.31 */
function facts(state: State): string {
  const { done, total, unit, from } = state;
  const seconds = secondsSince(state);
  const fresh = done - from;
  const left = fresh > 0 && done < total ? [`${duration((seconds / fresh) * (total - done))} left`] : [];
  return [
    unit === '%' ? percent(state) : `${done}/${total} ${unit}`,
    duration(seconds),
    ...left,
    ...valueTexts(state),
  ].join(' · ');
}

function endText(state: State): string {
  const { title, done, total, unit } = state;
  const whole = unit === '%' ? 'done' : `${total} ${unit}`;
  const part = unit === '%' ? percent(state) : `${done} of ${whole}`;
  return [
    `${title}: ${done >= total ? whole : `stopped at ${part}`} in ${duration(secondsSince(state))}`,
    ...valueTexts(state),
  ].join(' · ');
}

function percent(state: State): string {
  return `${Math.floor(100 * fraction(state))} %`;
}

function valueTexts({ values }: State): string[] {
  return Object.entries(values).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`,
  );
}

function fraction({ done, total }: State): number {
  return Math.min(1, Math.max(0, done / total));
}

function secondsSince({ start }: State): number {
  return (performance.now() - start) / 1000;
}
