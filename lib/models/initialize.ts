/**
 * Seeded initial weights: drawn from streams named after the layer, so that models of one seed start at the same weights in
 * every process, whatever was built before them and whatever their `name` is.
 *
 *     'pytorch'   kernel, bias ~ uniform(-b, b), b = 1 / sqrt(fanIn)      (the default of torch.nn.Linear and Conv)
 *     'he'        kernel ~ normal(0, sqrt(2 / fanIn)), bias = 0           (He et al. 2015, arXiv:1502.01852, equation 10)
 *
 * fanIn is the number of inputs of one unit: kernel height x width x input channels. BatchNorm starts at gamma 1, beta 0.
 */
import { checkNumber, checkOneOf } from '../runtime/errors';
import { Random } from '../runtime/random';
import * as tf from '../runtime/tf';

/** The ways of drawing weights. */
export const INITIALIZERS = ['pytorch', 'he'] as const;

/** How weights are drawn. */
export type Initializer = (typeof INITIALIZERS)[number];

/**
 * Draws the weights of all dense and convolution layers of `model` anew.
 *
 * @param model Its layers are named `<model name>/<layer>`; the stream is named by `<layer>`.
 */
export function initialize(model: tf.LayersModel, initializer: Initializer, seed: number): void {
  checkOneOf('initializer', initializer, INITIALIZERS);
  checkNumber('seed', seed, { integer: true });
  const prefix = `${model.name}/`;
  for (const layer of model.layers) {
    const [kernel, bias] = layer.getWeights();
    if (kernel === undefined || kernel.rank < 2) continue;
    const fanIn = kernel.size / kernel.shape[kernel.rank - 1];
    const stream = layer.name.startsWith(prefix) ? layer.name.slice(prefix.length) : layer.name;
    const draw = (weight: tf.Tensor, part: 'kernel' | 'bias'): tf.Tensor => {
      const random = new Random(seed, `initialize/${stream}/${part}`);
      const bound = 1 / Math.sqrt(fanIn);
      const values =
        initializer === 'pytorch'
          ? random.uniforms(weight.size, -bound, bound)
          : part === 'kernel'
            ? random.normals(weight.size, 0, Math.sqrt(2 / fanIn))
            : new Float32Array(weight.size);
      return tf.tensor(values, weight.shape);
    };
    tf.tidy(() => layer.setWeights(bias === undefined ? [draw(kernel, 'kernel')] : [draw(kernel, 'kernel'), draw(bias, 'bias')]));
  }
}
