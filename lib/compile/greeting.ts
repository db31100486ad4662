/**
 * The lines with which TensorFlow greets on standard error. No setting silences those that it writes before
 * its log is set up. A process leaves its own standard error alone: closing or replacing descriptor 2, even
 * for a moment, loses what others write or open meanwhile. Whoever reads the standard error of a child leaves
 * the lines out here.
 */
const GREETING =
  /^(?:WARNING: All log messages before absl::InitializeLog\(\)|[IW]\d{4} [\d:.]+ +\d+ [\w./]+:\d+\] ).*(?:\n|$)/gm;

/** What a process wrote to standard error, without TensorFlow's remarks. Errors of TensorFlow stay. */
export function withoutGreeting(text: string): string {
  return text.replace(GREETING, '');
}
