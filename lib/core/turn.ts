/**
 * Giving way to other work in the middle of long work: timers, input, drawing.
 */

/**
 * Resolves after other work that waits had its turn. Browsers have no setImmediate, and let timers wait for
 * 4 ms.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('message', () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(null);
  });
}
