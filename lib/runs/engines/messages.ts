/**
 * What a sweep and its worker processes say to each other.
 */

import type { RunOutcome } from '../execute';
import type { RunTask } from './engine';

/** To a worker. */
export type Request = { kind: 'run'; task: RunTask } | { kind: 'abort' };

/** From a worker. */
export type Reply =
  | { kind: 'progress'; share: number }
  | { kind: 'outcome'; outcome: RunOutcome }
  | { kind: 'error'; name: string; message: string };
