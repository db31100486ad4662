/**
 * Learning-rate schedules, as plain JSON: what the learning rate is multiplied by during training.
 *
 *     constant    1
 *     multiStep   gamma^(number of milestones reached), by epoch
 *     cosine      final + (1 - final) * (1 + cos(pi * progress)) / 2, by step
 *
 * Each may start with a linear warm-up. The paper trains with multiStep at epochs 50, 100 and 150 of 200,
 * gamma 0.1.
 */
import { checkNumber, OptionError } from '../core/errors';
import { checkKind, type KindOf, listOf, needed, number, option, whole, withDefault } from '../core/options';

const WARM_UP = {
  /** Epochs over which the rate rises linearly from 0, fractions allowed. At least 0. Default 0. */
  warmUpEpochs: number({ min: 0 }, 0),
};

/**
 * Describes the schedules: the same rate throughout, one that falls at milestones, one that falls along half
 * a cosine.
 */
export const SCHEDULES = {
  constant: WARM_UP,
  multiStep: {
    /** Epochs, counted from 0, at whose start the rate falls; ascending. */
    milestones: needed(listOf(whole({ min: 0 }))),
    /** Factor of each fall, above 0. Default 0.1. */
    gamma: number({ min: 0, exclusiveMin: true }, 0.1),
    ...WARM_UP,
  },
  cosine: {
    /** Share of the rate at the end, 0 to 1. Default 0. */
    final: number({ min: 0, max: 1 }, 0),
    ...WARM_UP,
  },
};

/** A schedule of the learning rate. */
export type Schedule = KindOf<typeof SCHEDULES>;

/** The option `schedule`, which is constant where it is left out. */
export const SCHEDULE = withDefault(
  option<Schedule>('object', 'a schedule', (path, value, form) => {
    const schedule = checkKind(path, value, SCHEDULES, form);
    scheduleFunction(schedule, 1, 1); // milestones must ascend
    return schedule;
  }),
  { kind: 'constant' },
);

/** A schedule as a function: the factor at a step of an epoch, both counted from 0. */
export type ScheduleFunction = (epoch: number, step: number) => number;

/**
 * Makes the function of a schedule.
 *
 * @throws OptionError for an unknown kind or a wrong field.
 */
export function scheduleFunction(
  schedule: Schedule,
  epochs: number,
  stepsPerEpoch: number,
): ScheduleFunction {
  const checked = checkKind('schedule', schedule, SCHEDULES, 'full') as Required<Schedule>;
  const factor = factorOf(checked, epochs);
  const { warmUpEpochs: warmUp } = checked;
  return (epoch, step) => {
    const passed = epoch + step / stepsPerEpoch;
    const rise = warmUp === 0 ? 1 : Math.min(1, (passed + 1 / stepsPerEpoch) / warmUp);
    return rise * factor(epoch, passed);
  };
}

/**
 * The schedule of a training that is `factor` times as long: milestones and warm-up move along. Milestones
 * are rounded up, so that none falls on the start of a short training; two that meet become one.
 */
export function stretchSchedule(schedule: Schedule, factor: number): Schedule {
  checkNumber('factor', factor, { min: 0, exclusiveMin: true });
  const { warmUpEpochs } = schedule;
  return {
    ...schedule,
    ...(warmUpEpochs === undefined ? {} : { warmUpEpochs: factor * warmUpEpochs }),
    ...(schedule.kind === 'multiStep' ? { milestones: stretchMilestones(schedule.milestones, factor) } : {}),
  };
}

/** Milestones of a training that is `factor` times as long, as `stretchSchedule` moves them. */
export function stretchMilestones(milestones: readonly number[], factor: number): number[] {
  // 0.1 * 30 is a little more than 3.
  return [...new Set(milestones.map((epoch) => Math.ceil(factor * epoch - 1e-9)))];
}

function factorOf(schedule: Required<Schedule>, epochs: number): (epoch: number, passed: number) => number {
  switch (schedule.kind) {
    case 'constant':
      return () => 1;
    case 'multiStep': {
      const { milestones, gamma } = schedule;
      if (milestones.some((epoch, i) => epoch < (milestones[i - 1] ?? 0))) {
        throw new OptionError('schedule.milestones', milestones, 'ascending');
      }
      return (epoch) => gamma ** milestones.filter((milestone) => epoch >= milestone).length;
    }
    case 'cosine': {
      const { final } = schedule;
      return (_epoch, passed) =>
        final + ((1 - final) * (1 + Math.cos(Math.PI * Math.min(1, passed / epochs)))) / 2;
    }
  }
}
