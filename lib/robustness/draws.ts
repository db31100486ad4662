/**
 * The random numbers of one noise draw.
 *
 * They depend on the seed, the index of the draw, and the role, ordinal and shape of the tensor, and on
 * nothing else: not on the names that tf.js happened to give, the noise level, the order of calls or the
 * number of threads. Two models of one architecture meet the same draws (common random numbers), and so do
 * all levels of one noise.
 */
import { checkNumber } from '../core/errors';
import { Random } from '../core/random';
import type { NoiseSite, WeightTensor } from './noise';

/**
 * One draw of noise, for all tensors of a model. Numbers are made on demand and kept as long as the draw is.
 */
export class NoiseDraw {
  readonly #streams = new Map<string, Float32Array>();
  #bytes = 0;

  /**
   * @param seed Whole number; draws of different seeds are independent.
   * @param index Index of the draw, from 0.
   */
  constructor(
    /** Seed of the draws. */
    readonly seed: number,
    /** Index of the draw, from 0. */
    readonly index: number,
  ) {
    checkNumber('seed', seed, { integer: true });
    checkNumber('index', index, { integer: true, min: 0 });
  }

  /** Bytes of the numbers that were made so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The tensor with this draw's random numbers. */
  site({ name, role, ordinal, shape }: WeightTensor): NoiseSite {
    const place = `${role} ${ordinal} [${shape}]`;
    const size = shape.reduce((product, n) => product * n, 1);
    return {
      name,
      role,
      ordinal,
      shape,
      normals: (stream) => this.#numbers(`${place}/normal/${stream}`, (random) => random.normals(size)),
      uniforms: (stream) => this.#numbers(`${place}/uniform/${stream}`, (random) => random.uniforms(size)),
    };
  }

  #numbers(stream: string, draw: (random: Random) => Float32Array): Float32Array {
    let numbers = this.#streams.get(stream);
    if (numbers === undefined) {
      numbers = draw(new Random(this.seed, `noise/draw ${this.index}/${stream}`));
      this.#streams.set(stream, numbers);
      this.#bytes += numbers.byteLength;
    }
    return numbers;
  }
}

/**
 * The draws of one seed, kept for the next model as long as they fit a budget: making random numbers costs
 * more than using them.
 */
export class KeptDraws {
  readonly #kept = new Map<number, NoiseDraw>();
  #last: NoiseDraw;

  /**
   * @param seed Seed of the draws.
   * @param budget Bytes that kept draws may take. The draw in use comes on top.
   */
  constructor(
    /** Seed of the draws. */
    readonly seed: number,
    private readonly budget: number,
  ) {
    this.#last = new NoiseDraw(seed, 0);
  }

  /** The draw of an index. */
  at(index: number): NoiseDraw {
    if (this.#last.index === index) return this.#last;
    this.#keepLast();
    this.#last = this.#kept.get(index) ?? new NoiseDraw(this.seed, index);
    return this.#last;
  }

  #keepLast(): void {
    this.#kept.delete(this.#last.index);
    let bytes = this.#last.bytes;
    for (const draw of this.#kept.values()) bytes += draw.bytes;
    if (bytes <= this.budget) this.#kept.set(this.#last.index, this.#last);
  }
}
