/** A figure that changes in place while work goes on: surfaces and matrices that fill up. */

import { checkOptions, number, type OptionsOf } from '../core/options';
import type { Figure } from '../figures';
import { describeFigure, finalBundle, liveBundle } from './bundle';
import { inKernel, newOutput } from './display';

const LIVE = {
  /** Smallest time between two drawings, in milliseconds, at least 100. Default 1000. */
  interval: number({ min: 100 }, 1000),
};

/** Options of `liveFigure`. */
export type LiveFigureOptions = OptionsOf<typeof LIVE>;

/** A figure that changes while work goes on. */
export interface LiveFigure {
  /** Draws the figure's new state in place of the old one, now or soon. */
  update(figure: Figure): void;
  /**
   * Leaves the last state (or the given one) in the notebook, interactive and with its picture. Call it in
   * `finally`. Throws what a drawing threw.
   */
  finish(figure?: Figure): Promise<void>;
}

/** Drawing takes at most this share of the time. */
const SHARE = 0.1;

/**
 * Shows a figure that is updated in place: as a picture while it changes, interactive in the end. A drawing
 * takes 0.1-0.2 s of the kernel's time, so there are at most as many as take a tenth of it. Outside a
 * notebook only `finish` prints a line.
 *
 * @throws {OptionError} where the interval is below 100 ms.
 */
export function liveFigure(figure: Figure, options: LiveFigureOptions = {}): LiveFigure {
  const { interval } = checkOptions('liveFigure', LIVE, options);
  const output = newOutput();
  let state = figure;
  let first = true;
  let changed = false;
  let resting = false;
  let finished = !inKernel();
  let timer: NodeJS.Timeout | undefined;
  let drawing: Promise<void> = Promise.resolve();
  let failure: unknown;

  const draw = async () => {
    const start = performance.now();
    changed = false;
    try {
      const bundle = await liveBundle(state);
      if (!finished) output.update(bundle);
    } catch (error) {
      failure = error;
    }
    // The first drawing loads packages and says nothing about the next.
    const rest = first ? 0 : (performance.now() - start) / SHARE;
    first = false;
    timer = setTimeout(wake, Math.max(interval, rest)).unref();
  };
  const request = () => {
    changed = true;
    if (resting || finished) return;
    resting = true;
    drawing = draw();
  };
  const wake = () => {
    resting = false;
    if (changed) request();
  };

  request();
  return {
    update(next) {
      state = next;
      request();
    },
    async finish(last = state) {
      finished = true;
      clearTimeout(timer);
      await drawing;
      clearTimeout(timer);
      if (failure !== undefined) throw failure;
      if (inKernel()) output.update(await finalBundle(last));
      else console.log(describeFigure(last));
    },
  };
}
