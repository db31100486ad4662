/** What the set-up says: an error type with a remedy, and how times and output tails are written. */

/**
 * A failure that the user can mend: what is wrong, what to do, and the last lines of the program that failed.
 */
export class SetupError extends Error {
  /**
   * @param {string} problem one sentence
   * @param {string} remedy what to do about it
   * @param {string} [output] output of the child process that failed
   */
  constructor(problem, remedy, output = '') {
    super(problem);
    this.name = 'SetupError';
    this.remedy = remedy;
    this.output = output;
  }

  /** The message as it is shown on the terminal. */
  describe() {
    const log = this.output.trim() ? `\n\n  Last lines of its output:\n${lastLines(this.output, 15)}` : '';
    return `${this.message}\n  What to do: ${this.remedy}${log}`;
  }
}

/** The last lines of a text, indented. @param {string} text @param {number} count */
export function lastLines(text, count) {
  return text
    .trim()
    .split('\n')
    .slice(-count)
    .map((line) => `    ${line.trimEnd().slice(0, 200)}`)
    .join('\n');
}

/** @param {number} start a value of performance.now() */
export function secondsSince(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
