/**
 * Learning-rate schedules, as plain JSON: what the learning rate is multiplied by during training.
 *
 *     constant    1
 *     multiStep   gamma^(number of milestones reached), by epoch
 *     cosine      final + (1 - final) * (1 + cos(pi * progress)) / 2, by step
 *
 * Each may start with a linear warm-up. The paper trains with multiStep at epochs 50, 100 and 150 of 200, gamma 0.1.
 */
import { checkKnownOptions, checkNumber, checkObject, checkOneOf, OptionError } from '../core/errors';

/** A schedule of the learning rate. */
export type Schedule = ConstantSchedule | MultiStepSchedule | CosineSchedule;

/** Options of every schedule. */
export interface WarmUp {
  /** Epochs over which the rate rises linearly from 0, fractions allowed. At least 0. Default 0. */
  warmUpEpochs?: number;
}

/** The same learning rate throughout. */
export interface ConstantSchedule extends WarmUp {
  /** The same rate throughout. */
  kind: 'constant';
}

/** Falls by a factor at given epochs. */
export interface MultiStepSchedule extends WarmUp {
  /** A rate that falls at milestones. */
  kind: 'multiStep';
  /** Epochs, counted from 0, at whose start the rate falls; ascending. */
  milestones: number[];
  /** Factor of each fall, above 0. Default 0.1. */
  gamma?: number;
}

/** Falls along half a cosine over the whole training. */
export interface CosineSchedule extends WarmUp {
  /** A rate that falls along half a cosine. */
  kind: 'cosine';
  /** Share of the rate at the end, 0 to 1. Default 0. */
  final?: number;
}

/** A schedule as a function: the factor at a step of an epoch, both counted from 0. */
export type ScheduleFunction = (epoch: number, step: number) => number;

/**
 * Makes the function of a schedule.
 *
 * @throws OptionError for an unknown kind or a wrong field.
 */
export function scheduleFunction(schedule: Schedule, epochs: number, stepsPerEpoch: number): ScheduleFunction {
  const factor = factorOf(schedule, epochs);
  const warmUp = checkNumber('schedule.warmUpEpochs', schedule.warmUpEpochs ?? 0, { min: 0 });
  return (epoch, step) => {
    const passed = epoch + step / stepsPerEpoch;
    const rise = warmUp === 0 ? 1 : Math.min(1, (passed + 1 / stepsPerEpoch) / warmUp);
    return rise * factor(epoch, passed);
  };
}

/**
 * The schedule of a training that is `factor` times as long: milestones and warm-up move along. Milestones are rounded up, so that none falls on
 * the start of a short training; two that meet become one.
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

function factorOf(schedule: Schedule, epochs: number): (epoch: number, passed: number) => number {
  checkObject('schedule', schedule);
  checkOneOf('schedule.kind', schedule.kind, ['constant', 'multiStep', 'cosine']);
  switch (schedule.kind) {
    case 'constant':
      checkKnownOptions('schedule', schedule, ['kind', 'warmUpEpochs']);
      return () => 1;
    case 'multiStep': {
      checkKnownOptions('schedule', schedule, ['kind', 'warmUpEpochs', 'milestones', 'gamma']);
      const { milestones, gamma = 0.1 } = schedule;
      checkNumber('schedule.gamma', gamma, { min: 0, exclusiveMin: true });
      if (!Array.isArray(milestones)) throw new OptionError('schedule.milestones', milestones, 'a list of epochs');
      milestones.forEach((milestone, i) => {
        checkNumber('schedule.milestones', milestone, { min: i === 0 ? 0 : milestones[i - 1], integer: true });
      });
      return (epoch) => gamma ** milestones.filter((milestone) => epoch >= milestone).length;
    }
    case 'cosine': {
      checkKnownOptions('schedule', schedule, ['kind', 'warmUpEpochs', 'final']);
      const final = checkNumber('schedule.final', schedule.final ?? 0, { min: 0, max: 1 });
      return (_epoch, passed) => final + ((1 - final) * (1 + Math.cos(Math.PI * Math.min(1, passed / epochs)))) / 2;
    }
  }
}
