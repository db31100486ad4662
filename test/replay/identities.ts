/** Replays identities.json: pairs of algorithms that must walk the same path. */
import 'lookbehind/compile';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { Deviations, type GoldenTrajectory, readGolden } from './golden';
import { buildModel } from './model';
import { optimizerOf } from './trajectory';

interface Side {
  algorithm: string;
  k?: number;
  alpha?: number | 'adaptive' | null;
}

interface GoldenIdentities {
  pairs: Array<{ left: Side; right: Side; rightCase: string }>;
}

/** The paths may differ by float32 rounding only. */
const TOLERANCES = { weights: 1e-6 };

/** Runs both sides of each pair with the settings of the right side's file, which lies beside `file`. */
export function replayIdentities(golden: unknown, file: string): { passed: boolean; text: string } {
  const deviations = new Deviations(TOLERANCES);
  for (const { left, right, rightCase } of (golden as GoldenIdentities).pairs) {
    const trajectory = readGolden(join(dirname(file), `${rightCase}.json`)) as unknown as GoldenTrajectory;
    const [a, b] = [left, right].map((side) => path(trajectory, side));
    a.forEach((values, i) => {
      deviations.compare('weights', values, b[i]);
    });
  }
  return { passed: deviations.passed, text: deviations.toString() };
}

/** The weights after each outer step of `side`. */
function path(golden: GoldenTrajectory, side: Side): Float32Array[] {
  const settings = { ...golden.settings, alpha: null, k: 1, ...side } as GoldenTrajectory['settings'];
  const model = buildModel(golden);
  const optimizer = optimizerOf({ ...golden, settings }, model, false);
  const visited: Float32Array[] = [];
  for (let outer = 0; outer < settings.outerSteps; outer++) {
    const rows = (golden.batches?.[outer] ?? []).map((indices) => tf.tensor1d(indices, 'int32'));
    optimizer.minimize(({ inner }) => model.loss(rows[inner]), false, model.variables);
    tf.dispose(rows);
    visited.push(...model.variables.map((variable) => variable.dataSync() as Float32Array));
  }
  optimizer.dispose();
  model.dispose();
  return visited;
}
