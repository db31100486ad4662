/**
 * Stopping a cell: the notebook's interrupt button (or Ctrl-C in a terminal) aborts the work and waits until
 * it has stopped.
 *
 * The kernel (tslab) alone would only stop waiting for an interrupted cell: the work would go on unseen,
 * beside the cells that follow. So its own handler is set aside while the work runs, and comes back after the
 * first interrupt: a second one abandons the cell as usual.
 */
import { AbortedError } from '../core/errors';

/**
 * Runs work that can be stopped by interrupting the cell. The work gets an AbortSignal and must heed it, as
 * everything in this library does: it stops at its next step and keeps what it has.
 * @example await interruptible((signal) => trainer.fit({ signal }));
 * @returns what the work returns.
 * @throws {AbortedError} after an interrupt, also where the work returned normally: the cell must fail, so
 * that "Run all" stops.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  // The first synchronous stretch of a cell runs without signal handlers.
  await new Promise((resolve) => setImmediate(resolve));
  const controller = new AbortController();
  const others = process.listeners('SIGINT');
  const restore = () => {
    process.off('SIGINT', onInterrupt);
    for (const listener of others)
      if (!process.listeners('SIGINT').includes(listener)) process.on('SIGINT', listener);
  };
  const onInterrupt = () => {
    restore();
    const reason = new AbortedError('Interrupted. Run the cell again to go on.');
    // The stack of a signal handler says nothing to a reader, and the kernel prints stacks.
    reason.stack = `${reason.name}: ${reason.message}`;
    controller.abort(reason);
  };
  for (const listener of others) process.off('SIGINT', listener);
  process.on('SIGINT', onInterrupt);
  try {
    const result = await work(controller.signal);
    if (controller.signal.aborted) throw controller.signal.reason;
    return result;
  } finally {
    restore();
  }
}
