/**
 * Seeded initial weights: drawn from streams named after the layer, so that models of one seed start at the
 * same weights in every process, whatever was built before them and whatever their `name` is.
 *
 *     'pytorch'   kernel, bias ~ uniform(-b, b), b = 1 / sqrt(fanIn)      (torch.nn.Linear, Conv)
 *     'he'        kernel ~ normal(0, sqrt(2 / fanIn)), bias = 0           (He et al. 2015, arXiv:1502.01852)
 *
 * fanIn is the number of inputs of one unit: kernel height x width x input channels. BatchNorm starts at
 * gamma 1, beta 0. Transformers have a way of their own, `initializeTransformer`.
 */
import { checkNumber, checkOneOf } from '../core/errors';
import { Random } from '../core/random';
import * as tf from '../core/tf';

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
  const rule = initializer === 'pytorch' ? uniformByFanIn : normalByFanIn;
  drawWeights(model, seed, () => rule);
}

/**
 * Draws the weights of a transformer anew, as timm does: dense kernels and position embeddings ~ normal(0,
 * .02), biases 0; kernels of convolutions as `'pytorch'`. The class token stays 0.
 *
 * @param model Its layers are named `<model name>/<layer>`; the stream is named by `<layer>`.
 */
export function initializeTransformer(model: tf.LayersModel, seed: number): void {
  const small: Rule = ({ random, size, part }) =>
    part === 'kernel' ? random.normals(size, 0, 0.02) : new Float32Array(size);
  const rules: Readonly<Record<string, Rule>> = {
    Dense: small,
    LookbehindPositionEmbedding: small,
    Conv2D: uniformByFanIn,
  };
  drawWeights(model, seed, (layer) => rules[layer.getClassName()]);
}

/** What a rule draws numbers for. */
interface Drawn {
  random: Random;
  size: number;
  fanIn: number;
  part: 'kernel' | 'bias';
}

type Rule = (drawn: Drawn) => Float32Array;

const uniformByFanIn: Rule = ({ random, size, fanIn }) =>
  random.uniforms(size, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));

const normalByFanIn: Rule = ({ random, size, fanIn, part }) =>
  part === 'kernel' ? random.normals(size, 0, Math.sqrt(2 / fanIn)) : new Float32Array(size);

/**
 * Draws kernel and bias of each layer that has a kernel, by the rule for the layer; none leaves it as it is.
 */
function drawWeights(
  model: tf.LayersModel,
  seed: number,
  ruleFor: (layer: tf.layers.Layer) => Rule | undefined,
): void {
  checkNumber('seed', seed, { integer: true });
  const prefix = `${model.name}/`;
  for (const layer of model.layers) {
    const [kernel, bias] = layer.getWeights();
    if (kernel === undefined || kernel.rank < 2) continue;
    const rule = ruleFor(layer);
    if (rule === undefined) continue;
    const fanIn = kernel.size / kernel.shape[kernel.rank - 1];
    const stream = layer.name.startsWith(prefix) ? layer.name.slice(prefix.length) : layer.name;
    const draw = (weight: tf.Tensor, part: 'kernel' | 'bias'): tf.Tensor => {
      const random = new Random(seed, `initialize/${stream}/${part}`);
      return tf.tensor(rule({ random, size: weight.size, fanIn, part }), weight.shape);
    };
    tf.tidy(() =>
      layer.setWeights(
        bias === undefined ? [draw(kernel, 'kernel')] : [draw(kernel, 'kernel'), draw(bias, 'bias')],
      ),
    );
  }
}
