/** The stack of the call, of at most so many frames. */
export function stackOf(frames: number): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = frames;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return stack;
}
