/**
 * The class of a stock layer. tf.js exports none of them, but its registry of classes, by which models are
 * loaded, knows them.
 */
import * as tf from './tf';

/**
 * The prototype of the layer class that tf.js registered under `className`; undefined where tf.js is its core
 * alone, without layers.
 */
export function layerPrototype(className: string): object | undefined {
  return tf.serialization.SerializationMap.getMap().classNameMap[className]?.[0].prototype as
    | object
    | undefined;
}
