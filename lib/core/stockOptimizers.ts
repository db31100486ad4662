/** The optimizers of tf.js itself, of which it is known what they keep, and where. */
import * as tf from './tf';

const STOCK: ReadonlySet<unknown> = new Set([
  tf.SGDOptimizer,
  tf.MomentumOptimizer,
  tf.AdagradOptimizer,
  tf.AdadeltaOptimizer,
  tf.AdamOptimizer,
  tf.AdamaxOptimizer,
  tf.RMSPropOptimizer,
]);

/** Whether tf.js made it, and nobody extended its class. */
export function isStockOptimizer(optimizer: tf.Optimizer): boolean {
  return STOCK.has(optimizer.constructor);
}
