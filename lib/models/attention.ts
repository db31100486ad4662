/**
 * The layers of transformers that tf.layers does not have. Importing this file registers them, so that models
 * with them can be saved and loaded.
 */
import { checkNumber, OptionError } from '../core/errors';
import * as tf from '../core/tf';

type LayerArguments = NonNullable<ConstructorParameters<typeof tf.layers.Layer>[0]>;

/** The one input of a layer. */
function only<T>(inputs: T | T[]): T {
  return Array.isArray(inputs) ? inputs[0] : inputs;
}

/**
 * Multi-head self-attention without its projections: `softmax(q k' / sqrt(d)) v` for each head, the heads
 * side by side.
 *
 * Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762. Input
 * `[n, tokens, 3 * width]`: queries, keys and values side by side, in each the heads side by side; output
 * `[n, tokens, width]`. No weights: dense layers before and after it have them.
 */
export class SelfAttention extends tf.layers.Layer {
  /** Name in saved models. */
  static readonly className = 'LookbehindSelfAttention';
  readonly #heads: number;

  /** @param options `heads`: number of heads, a divisor of the width. */
  constructor(options: LayerArguments & { heads: number }) {
    super(options);
    this.#heads = checkNumber('heads', options.heads, { min: 1, integer: true });
  }

  /** @throws OptionError where the width is no multiple of the number of heads. */
  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const width = shapeOf(inputShape)[2] as number;
    if (width % (3 * this.#heads) !== 0)
      throw new OptionError('heads', this.#heads, `a divisor of the width, ${width / 3}`);
    super.build(inputShape);
  }

  /** `[n, tokens, width]`. */
  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const [batch, tokens, width] = shapeOf(inputShape);
    return [batch, tokens, (width as number) / 3];
  }

  /** Attends. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const input = only(inputs);
      const [batch, tokens, triple] = input.shape;
      const width = triple / 3;
      const size = width / this.#heads;
      const parts = tf.transpose(tf.reshape(input, [batch, tokens, 3, this.#heads, size]), [2, 0, 3, 1, 4]);
      const [q, k, v] = tf.unstack(parts);
      const scores = tf.matMul(tf.mul(q, 1 / Math.sqrt(size)), k, false, true);
      const attended = tf.matMul(tf.softmax(scores), v);
      return tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [batch, tokens, width]);
    });
  }

  /** The options, as plain JSON. */
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), heads: this.#heads };
  }
}

/**
 * Puts a learned token before all others: `[n, tokens, width]` becomes `[n, tokens + 1, width]`. Its weight
 * is `[1, 1, width]`.
 */
export class ClassToken extends tf.layers.Layer {
  /** Name in saved models. */
  static readonly className = 'LookbehindClassToken';
  #token!: tf.LayerVariable;

  /** Makes the token, zeros. */
  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const width = shapeOf(inputShape)[2] as number;
    this.#token = this.addWeight('token', [1, 1, width], 'float32', tf.initializers.zeros());
    super.build(inputShape);
  }

  /** `[n, tokens + 1, width]`. */
  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const [batch, tokens, width] = shapeOf(inputShape);
    return [batch, (tokens as number) + 1, width];
  }

  /** Puts the token in front. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const input = only(inputs);
      const [batch, , width] = input.shape;
      // By addition: the gradient of a sum is one op, that of tf.tile one for each copy.
      const tokens = tf.add(tf.zeros([batch, 1, width]), this.#token.read());
      return tf.concat([tokens, input], 1);
    });
  }
}

/**
 * Adds a learned vector to each token by its position. Input and output `[n, tokens, width]`; the weight is
 * `[1, tokens, width]`.
 */
export class PositionEmbedding extends tf.layers.Layer {
  /** Name in saved models. */
  static readonly className = 'LookbehindPositionEmbedding';
  #positions!: tf.LayerVariable;

  /** Makes the vectors, zeros. */
  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const [, tokens, width] = shapeOf(inputShape);
    this.#positions = this.addWeight('positions', [1, tokens, width], 'float32', tf.initializers.zeros());
    super.build(inputShape);
  }

  /** Adds the vectors. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => tf.add(only(inputs), this.#positions.read()));
  }
}

/** The first token alone: `[n, tokens, width]` becomes `[n, width]`. */
export class FirstToken extends tf.layers.Layer {
  /** Name in saved models. */
  static readonly className = 'LookbehindFirstToken';

  /** `[n, width]`. */
  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const [batch, , width] = shapeOf(inputShape);
    return [batch, width];
  }

  /** Takes the first token. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const input = only(inputs);
      const [batch, , width] = input.shape;
      return tf.reshape(tf.slice(input, [0, 0, 0], [batch, 1, width]), [batch, width]);
    });
  }
}

/** The shape of the one input of a layer. */
function shapeOf(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
  return (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as tf.Shape;
}

for (const layer of [SelfAttention, ClassToken, PositionEmbedding, FirstToken])
  tf.serialization.registerClass(layer);
