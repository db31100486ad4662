/**
 * Whether a function is being traced now: kernels may then behave so that a graph can repeat what they do.
 */
let tracing = false;

export function isTracing(): boolean {
  return tracing;
}

/** Calls `fn` as part of a trace. */
export function whileTracing<T>(fn: () => T): T {
  tracing = true;
  try {
    return fn();
  } finally {
    tracing = false;
  }
}
