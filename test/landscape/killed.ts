/**
 * A surface run that kills itself without warning after 12 points: started by surface.test.ts with the file
 * as argument.
 */

import * as tf from '@tensorflow/tfjs';
import { Random } from 'lookbehind/extend';
import { type Direction, flatWeights, lossSurface, Plane } from 'lookbehind/landscape';
import * as models from 'lookbehind/models';

/** What both processes evaluate. */
export function setting(): { model: tf.LayersModel; data: { xs: tf.Tensor; ys: tf.Tensor }; plane: Plane } {
  const random = new Random(40);
  const model = models.mlp({ inputs: [4], hidden: [6], classes: 3, seed: 1, name: 'killed' });
  const xs = tf.tensor(random.normals(80), [20, 4]);
  const ys = tf.tensor1d(
    Int32Array.from({ length: 20 }, () => random.int(3)),
    'int32',
  );
  const origin = flatWeights(model);
  const direction = (label: string): Direction => ({ label, values: random.normals(origin.length) });
  return { model, data: { xs, ys }, plane: new Plane(origin, direction('x'), direction('y')) };
}

export const RANGE = { x: { from: -1, to: 1, points: 5 }, chunkSize: 3 };

if (require.main === module) {
  const { model, data, plane } = setting();
  void lossSurface(model, data, {
    plane,
    ...RANGE,
    path: process.argv[2],
    onProgress: ({ done }) => {
      if (done >= 12) process.kill(process.pid, 'SIGKILL');
    },
  });
}
