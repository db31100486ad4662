/**
 * Layers and stock optimizers keep JavaScript state beside their variables. While a function is recorded,
 * this watches both:
 *
 *   stateful layers            refused: their state is no variable, so all runs would start from the same one
 *   flags and numbers of layers (trainable, rate)  conditions: the function is recorded anew when one changes
 *   numbers of stock optimizers (learningRate)     conditions, and so are their lists of variables
 *   their counter of steps                         an effect that each run repeats
 */

import type { Recording } from '../../core/recording';
import * as tf from '../../core/tf';

type Fields = Record<string, unknown>;

/** Fields that the first call of a layer sets, without any meaning for what it computes. */
const SET_BY_FIRST_CALL: ReadonlySet<string> = new Set(['built', '_built']);

/** Recurrent cells keep the masks of a call and draw new ones at the next. */
const MASKS = ['dropoutMask', 'recurrentDropoutMask'] as const;

/** What the layers of one recording depend on. */
export class WatchedLayers {
  readonly #snapshots = new Map<tf.layers.Layer, Fields>();
  /** The layers whose calls are under way, the innermost last. */
  readonly #called: tf.layers.Layer[] = [];

  constructor(
    private readonly recording: Recording,
    /** Throws, or lets the call go on. */
    private readonly refuse: (reason: string) => void,
  ) {}

  /** In words, the layer that is called now. */
  get place(): string {
    const layer = this.#called.at(-1);
    return layer === undefined ? 'its loss, a metric or the optimizer' : `the ${inWords(layer)}`;
  }

  /** Watches until the returned function is called. */
  start(): () => void {
    const layer = tf.layers.Layer.prototype as unknown as {
      apply(this: tf.layers.Layer, ...args: unknown[]): unknown;
    };
    const optimizer = tf.Optimizer.prototype as unknown as { incrementIterations(this: tf.Optimizer): void };
    const { apply } = layer;
    const { incrementIterations } = optimizer;
    const watch = <T>(one: tf.layers.Layer, call: () => T): T => {
      this.#see(one);
      this.#called.push(one);
      try {
        return call();
      } finally {
        this.#called.pop();
      }
    };
    const count = (one: tf.Optimizer) => this.#count(one, incrementIterations);
    layer.apply = function (...args) {
      return watch(this, () => apply.apply(this, args));
    };
    optimizer.incrementIterations = function () {
      count(this);
    };
    return () => {
      layer.apply = apply;
      optimizer.incrementIterations = incrementIterations;
    };
  }

  /**
   * After the recorded call: makes what the layers are now the conditions. Refuses layers that a call
   * changes.
   */
  finish(): void {
    for (const [layer, before] of this.#snapshots) {
      const fields = layer as unknown as Fields;
      for (const [name, value] of Object.entries(before)) {
        if (name !== 'trainable_' && !Object.is(fields[name], value)) {
          this.refuse(
            `the ${inWords(layer)} changes its field "${name}" at each call, which a graph cannot repeat`,
          );
        }
        // A function may set this one itself, and set it back: then it counts how the call leaves it.
        this.recording.dependOn(() => fields[name]);
      }
    }
  }

  /** Gives the layers the flags and numbers that they had before the call. */
  restore(): void {
    for (const [layer, { trainable_, ...before }] of this.#snapshots) Object.assign(layer, before);
  }

  /** Whether `tensor` is a mask that a recurrent cell has drawn for this call only. */
  owns(tensor: tf.Tensor): boolean {
    return [...this.#snapshots.keys()].some((layer) =>
      MASKS.some((name) => [(layer as unknown as Fields)[name]].flat().includes(tensor)),
    );
  }

  #see(layer: tf.layers.Layer): void {
    if (this.#snapshots.has(layer)) return;
    const container = layer instanceof tf.LayersModel;
    this.#snapshots.set(layer, snapshot(layer, container));
    for (const value of Object.values(layer)) {
      for (const one of Array.isArray(value) ? value : [value])
        if (one instanceof tf.layers.Layer) this.#see(one);
    }
    if (!container && layer.stateful) {
      this.refuse(
        `the ${inWords(layer)} is stateful, and its state is no tf.Variable, so that each run would start ` +
          'from the same state. Make the layer with stateful: false',
      );
    }
  }

  #count(optimizer: tf.Optimizer, increment: () => void): void {
    const fields = optimizer as unknown as Fields & { iterations_: number };
    if (this.recording.countOf(optimizer) === 0) {
      // A list holds the variables of the optimizer: setWeights makes a new one.
      const followed = (value: unknown) => isPlain(value) || Array.isArray(value);
      const known = Object.keys(fields).filter((name) => name !== 'iterations_' && followed(fields[name]));
      for (const name of known) this.recording.dependOn(() => fields[name]);
    }
    const before = fields.iterations_;
    increment.call(optimizer);
    this.recording.repeat({
      owner: optimizer,
      redo: () => increment.call(optimizer),
      undo: () => {
        fields.iterations_ = before;
      },
    });
  }
}

function snapshot(layer: tf.layers.Layer, container: boolean): Fields {
  const fields = layer as unknown as Fields;
  if (container) return { trainable_: fields.trainable_ };
  const plain = Object.entries(fields).filter(
    ([name, value]) => !SET_BY_FIRST_CALL.has(name) && isPlain(value),
  );
  return Object.fromEntries(plain);
}

function inWords(layer: tf.layers.Layer): string {
  return `layer "${layer.name}" (${layer.getClassName()})`;
}

function isPlain(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string';
}
