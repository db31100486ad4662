/** Limits how often something is drawn; the last state is always drawn in the end. */

/** A drawing function that is called at most once per interval. */
export interface Throttled {
  /** Draws now, or at the end of the interval. */
  call(): void;
  /** Forgets a drawing that is still waiting. */
  cancel(): void;
}

/**
 * @param draw draws the current state.
 * @param interval smallest time between two drawings in milliseconds.
 */
export function throttle(draw: () => void, interval: number): Throttled {
  let last = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  const run = () => {
    clearTimeout(timer);
    timer = undefined;
    last = performance.now();
    draw();
  };
  return {
    call() {
      const wait = last + interval - performance.now();
      if (wait <= 0) run();
      // A waiting drawing must not keep a script alive.
      else timer ??= setTimeout(run, wait).unref();
    },
    cancel() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
