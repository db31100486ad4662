/**
 * The learning-rate schedule of a run, as JSON.
 */
import { type Check, checkKind } from '../../core/options';
import { SCHEDULES, type Schedule, scheduleFunction } from '../../training/schedule';

/** Checks the schedule of a run. */
export const checkSchedule: Check<Schedule> = (path, value, form) => {
  const schedule = checkKind(path, value, SCHEDULES, form);
  scheduleFunction(schedule, 1, 1); // milestones must ascend
  return schedule;
};
