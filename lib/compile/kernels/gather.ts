/**
 * Gather without reading the indices. Stock tfjs-node fetches them to check their range, which a trace cannot
 * repeat; in a graph TensorFlow checks it itself (on a CPU; on a GPU an index out of range gives zeros).
 */

import { isTracing } from '../../core/recording';
import * as tf from '../../core/tf';
import { attr, runOp } from '../backend';
import { replaceNativeKernel } from './register';

replaceNativeKernel('GatherV2', (stock) => (inputs, attributes) => {
  if (!isTracing()) return stock(inputs, attributes);
  const { x, indices } = inputs;
  const { axis, batchDims = 0 } = attributes as { axis: number; batchDims?: number };
  return tf.tidy(() =>
    runOp(
      'GatherV2',
      [
        attr.type('Tparams', x.dtype),
        attr.type('Tindices', indices.dtype),
        attr.type('Taxis', 'int32'),
        attr.int('batch_dims', batchDims),
      ],
      [x, indices, tf.scalar(axis, 'int32')],
    ),
  );
});
