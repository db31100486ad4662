/**
 * The learning-rate schedule of a run, as JSON.
 */
import { type Schedule, scheduleFunction } from '../../training/schedule';
import { type Check, checkFields, checkKind, type Fields, listOf, number, required } from './schema';

const warmUp = { warmUpEpochs: number({ min: 0 }, 0) };

const CONSTANT: Fields<Omit<Schedule & { kind: 'constant' }, 'kind'>> = warmUp;

const MULTI_STEP: Fields<Omit<Schedule & { kind: 'multiStep' }, 'kind'>> = {
  milestones: required(listOf(number({ min: 0, integer: true }))),
  gamma: number({ min: 0, exclusiveMin: true }, 0.1),
  ...warmUp,
};

const COSINE: Fields<Omit<Schedule & { kind: 'cosine' }, 'kind'>> = { final: number({ min: 0, max: 1 }, 0), ...warmUp };

const KINDS: { readonly [K in Schedule['kind']]: Check<object> } = {
  constant: (path, value, form) => checkFields(path, value, CONSTANT, form),
  multiStep: (path, value, form) => checkFields(path, value, MULTI_STEP, form),
  cosine: (path, value, form) => checkFields(path, value, COSINE, form),
};

/** Checks the schedule of a run. */
export const checkSchedule: Check<Schedule> = (path, value, form) => {
  const schedule = checkKind<Schedule>(path, value, KINDS, form);
  scheduleFunction(schedule, 1, 1); // milestones must ascend
  return schedule;
};
