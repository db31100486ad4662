/**
 * What a recording knows of JavaScript: the state that it depends on, and the effects that each run of its
 * graph repeats.
 *
 *   condition   a value outside of the graph that the recorded work depends on: while it is another one, the
 *               graph does not stand for the function, and the function is recorded anew
 *   effect      a change of JavaScript state, such as a counter of steps: done in the recording, and again
 *               after each run
 */

/** Something that must be as it was for a graph to be valid. */
export interface Condition {
  /** The present value. */
  read(): unknown;
  /** The value that the recording depends on. */
  value: unknown;
}

/** A change of JavaScript state. */
export interface Effect {
  /** Whose state it is. */
  owner: object;
  /** Does it once more. */
  redo(): void;
  /** Takes back what was done in the recording. */
  undo(): void;
}

/** The conditions and effects of one recording. */
export class Recording {
  readonly conditions: Condition[] = [];
  readonly effects: Effect[] = [];

  /** Depends on `read()`, whose value at the start of the recorded call is `value`. */
  dependOn(read: () => unknown, value: unknown = read()): void {
    this.conditions.push({ read, value });
  }

  /** Remembers an effect that was just done. */
  repeat(effect: Effect): void {
    this.effects.push(effect);
  }

  /** Effects of this owner so far. */
  countOf(owner: object): number {
    return this.effects.filter((effect) => effect.owner === owner).length;
  }

  /** Takes all effects back, the last one first. */
  undo(): void {
    for (const { undo } of [...this.effects].reverse()) undo();
  }
}

let current: Recording | undefined;

/** The recording that is under way, or undefined. */
export function currentRecording(): Recording | undefined {
  return current;
}

/**
 * Whether a function is being traced now: kernels may then behave so that a graph can repeat what they do.
 */
export function isTracing(): boolean {
  return current !== undefined;
}

/** Calls `fn` as part of a trace. */
export function whileTracing<T>(recording: Recording, fn: () => T): T {
  current = recording;
  try {
    return fn();
  } finally {
    current = undefined;
  }
}
