/** Hands `thing` to `work`, and frees it afterwards, also where that fails. */
export async function disposing<D extends { dispose(): void }, T>(
  thing: D,
  work: (thing: D) => T | Promise<T>,
): Promise<T> {
  try {
    return await work(thing);
  } finally {
    thing.dispose();
  }
}
