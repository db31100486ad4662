/** How the losses of many points are evaluated: the options that surfaces, paths and trajectories share. */
import { number, whole } from '../core/options';
import { LOSS } from '../training/losses';

/** Describes them. */
export const EVALUATION = {
  /** The loss, by name or as a function. Default: as of a `ModelLoss`. */
  loss: LOSS,
  /** Samples per forward pass, >= 1. Default 250. */
  batchSize: whole({ min: 1 }, 250),
  /** Bytes for the weight sets that are evaluated together, as in `evaluateMany`, with the same default. */
  memoryBudget: number({ min: 0, exclusiveMin: true }),
};
