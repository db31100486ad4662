/**
 * `accelerate(model)`: model.fit, evaluate and predict of tf.js as compiled graphs.
 *
 *   fit, fitDataset, trainOnBatch   ask for a function of one batch: a step            (makeTrainFunction)
 *   evaluate, evaluateDataset       ask for a function of one batch: loss and metrics  (makeTestFunction)
 *   predict, predictOnBatch         go through the batches                             (predictLoop)
 *
 * Each of these is compiled in place, on the one model; everything around it, such as shuffling, callbacks
 * and history, is tf.js's own.
 */

import { checkModel } from '../core/checkModel';
import { NativeRuntimeError, StorageError } from '../core/errors';
import { isStockOptimizer } from '../core/stockOptimizers';
import * as tf from '../core/tf';
import { isNative } from './backend';
import { type Compiled, compile } from './compile';
import { CompileError } from './graph/error';
import { hasOwnCode } from './ownCode';
import { type Moment, WatchedFunction } from './watched';

/**
 * Graphs of one function: batch sizes, and states of JavaScript such as learning rates of tf.train's
 * optimizers.
 */
const MAX_SIGNATURES = 32;

/**
 * A function of one batch: inputs, targets and weights of samples, which may be missing, to loss and metrics.
 */
type BatchFunction = (data: Array<tf.Tensor | null | undefined>) => tf.Tensor[];

/** What is used of tf.js's class beside its public methods. */
interface Internals {
  makeTrainFunction(): BatchFunction;
  makeTestFunction(): void;
  testFunction: BatchFunction;
  predictLoop(
    inputs: tf.Tensor | tf.Tensor[],
    batchSize?: number,
    verbose?: boolean,
  ): tf.Tensor | tf.Tensor[];
  dispose(): unknown;
  optimizer_?: tf.Optimizer;
  lossFunctions?: unknown;
  metricsTensors?: unknown;
  collectedTrainableWeights?: tf.LayerVariable[];
  history?: { epoch: number[] };
}

/** A Sequential makes a LayersModel in `build`, and leaves its work to it. */
interface SequentialInternals {
  model?: tf.LayersModel | null;
  build(inputShape?: tf.Shape | tf.Shape[]): void;
  dispose(): unknown;
}

/**
 * Optimizers of this library make what they remember before the first step, and keep no other state than they
 * name.
 */
interface Preparable extends tf.Optimizer {
  prepare(variables: tf.Variable[]): void;
}

/** How to undo the acceleration of each model. */
const accelerated = new WeakMap<tf.LayersModel, () => void>();

function accelerateModel<M extends tf.LayersModel>(model: M): M {
  checkModel(model);
  if (!accelerated.has(model))
    accelerated.set(model, isSequential(model) ? attachToSequential(model) : new Accelerated(model).detach);
  return model;
}

function undo<M extends tf.LayersModel>(model: M): M {
  checkModel(model);
  accelerated.get(model)?.();
  accelerated.delete(model);
  return model;
}

/** `accelerate`, and its inverse. */
export interface Accelerate {
  /**
   * Makes `fit`, `fitDataset`, `trainOnBatch`, `evaluate`, `evaluateDataset`, `predict` and `predictOnBatch`
   * of a model run as compiled graphs, with the same numbers up to rounding. Steps of small networks become
   * three to twenty times faster.
   *
   * Before or after `model.compile`, which may be called again; with any optimizer of this library or of
   * tf.train. Learning rates and other numbers that callbacks set, `trainable` flags and weights are
   * followed. Each shape of a batch is recorded once. Custom losses, metrics and layers are recorded, too:
   * twice, and again at each fit, in new epochs and from time to time. Where the records differ (a counter, a
   * number that a callback sets, draws of JavaScript), the model runs as before from that call on; keep what
   * changes in a tf.Variable.
   *
   * On other backends than the native one, and where a model cannot be recorded (a stateful recurrent layer,
   * a loss that reads values, an optimizer of unknown kind), the model runs as before, and one warning says
   * why. A model that is refused at its first steps trains to the bit as without accelerate.
   *
   * @param model A tf.LayersModel or tf.Sequential, new or loaded.
   * @returns The same model.
   * @throws OptionError where it is something else.
   */
  <M extends tf.LayersModel>(model: M): M;
  /**
   * Gives the model its own functions back, and frees the graphs. Does nothing to a model that was not
   * accelerated.
   */
  undo<M extends tf.LayersModel>(model: M): M;
}

/** Makes a model's fit, evaluate and predict run as compiled graphs: see `Accelerate`. */
export const accelerate: Accelerate = Object.assign(accelerateModel, { undo });

function isSequential(model: tf.LayersModel): boolean {
  return model instanceof tf.Sequential;
}

/** Accelerates the model inside of a Sequential: the present one, and each that replaces it. */
function attachToSequential(model: tf.LayersModel): () => void {
  const internals = model as unknown as SequentialInternals;
  let inner: Accelerated | undefined;
  const attach = (): void => {
    if (internals.model == null || internals.model === inner?.model) return;
    inner?.detach();
    inner = new Accelerated(internals.model, model.name);
  };
  const restore = override(internals, {
    build: (build) => (inputShape) => {
      build(inputShape);
      attach();
    },
    dispose: disposesToo(model),
  });
  attach();
  return () => {
    restore();
    inner?.detach();
  };
}

/** A LayersModel whose functions are compiled. */
class Accelerated {
  /** Gives the model its own functions back. */
  readonly detach: () => void;
  readonly #fit: CompiledBatches;
  readonly #evaluate: CompiledBatches;
  readonly #predict: CompiledBatches;

  constructor(
    readonly model: tf.LayersModel,
    name = model.name,
  ) {
    const internals = model as unknown as Internals;
    const report = reporter(name);
    const definition = () => [
      internals.optimizer_,
      internals.lossFunctions,
      internals.metricsTensors,
      internals.collectedTrainableWeights,
    ];
    const batches = (what: string, ...needs: [(() => unknown[])?, (() => boolean)?]) =>
      new CompiledBatches(`${what} of ${name}`, model, report, ...needs);
    this.#fit = batches('fit', definition, () => prepareOptimizer(internals));
    this.#evaluate = batches('evaluate', () => definition().slice(1, 3));
    this.#predict = batches('predict');
    const restore = override(internals, {
      makeTrainFunction: (makeTrainFunction) => () => this.#fit.around(makeTrainFunction()),
      makeTestFunction: (makeTestFunction) => () => {
        makeTestFunction();
        internals.testFunction = this.#evaluate.around(internals.testFunction);
      },
      predictLoop: (predictLoop) => (inputs, batchSize, verbose) =>
        this.#predictBatches(predictLoop, inputs, batchSize, verbose),
      dispose: disposesToo(model),
    });
    this.detach = () => {
      restore();
      for (const one of [this.#fit, this.#evaluate, this.#predict]) one.dispose();
    };
  }

  #predictBatches(
    predictLoop: Internals['predictLoop'],
    inputs: tf.Tensor | tf.Tensor[],
    batchSize = 32,
    verbose = false,
  ): tf.Tensor | tf.Tensor[] {
    const all = [inputs].flat();
    const samples = all[0].shape[0] as number;
    if (verbose || samples === 0) return predictLoop(inputs, batchSize, verbose);
    const predict = this.#predict.around((batch) => [predictLoop(batch as tf.Tensor[], samples)].flat());
    return tf.tidy(() => {
      const batches: tf.Tensor[][] = [];
      for (let start = 0; start < samples; start += batchSize) {
        const size = Math.min(batchSize, samples - start);
        batches.push(
          tf.tidy(() =>
            predict(size === samples ? all : all.map((tensor) => sliceRows(tensor, start, size))),
          ),
        );
      }
      const outputs = batches[0].map((_, i) =>
        batches.length === 1 ? batches[0][i] : tf.concat(batches.map((outs) => outs[i])),
      );
      return outputs.length === 1 ? outputs[0] : outputs;
    });
  }
}

/**
 * A function of one batch, compiled: one graph for each shape, and for each pattern of what is missing in a
 * batch.
 */
class CompiledBatches {
  #definition: unknown[] | undefined;
  #compiled: Compiled<Parameters<BatchFunction>, tf.Tensor[]> | undefined;
  #watched: WatchedFunction<Parameters<BatchFunction>, tf.Tensor[]> | undefined;
  #needsFirstStep = false;
  #refused = false;

  /**
   * @param name For messages.
   * @param model Whose function it is.
   * @param report Says that the function runs op by op, and why.
   * @param definition What the function depends on and model.compile sets: where it is another one, the
   * graphs are of no use.
   * @param prepare Called for each new definition: makes the variables of the first step, or returns false
   * where only that step can.
   */
  constructor(
    readonly name: string,
    private readonly model: tf.LayersModel,
    private readonly report: (reason: string) => void,
    private readonly definition: () => unknown[] = () => [],
    private readonly prepare: () => boolean = () => true,
  ) {}

  /** `fn`, by its graphs. Functions that are made for the same definition share them. */
  around(fn: BatchFunction): BatchFunction {
    return (data) => {
      if (!isNative()) {
        this.report(
          `tf.js runs on its "${tf.getBackend()}" backend, and only ` +
            'the native one ("tensorflow") has graphs.',
        );
        return fn(data);
      }
      this.#begin(fn);
      // What was disposed is the caller's fault, not the model's: tf.js may say so.
      if (this.#refused || data.some((tensor) => tensor?.isDisposed)) return fn(data);
      if (this.#watched !== undefined) return this.#watched.call([data]);
      if (this.#needsFirstStep) {
        this.#needsFirstStep = false;
        return fn(data);
      }
      try {
        this.#compiled ??= compile(fn, {
          name: this.name,
          makesNoVariables: true,
          maxSignatures: MAX_SIGNATURES,
        });
        return this.#compiled(data);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        return this.#withoutGraph(fn, data, error);
      }
    };
  }

  dispose(): void {
    this.#compiled?.dispose();
    this.#compiled = undefined;
    this.#watched?.dispose();
    this.#watched = undefined;
    this.#definition = undefined;
    this.#refused = false;
  }

  /** Where the definition is another one: forgets the graphs. */
  #begin(fn: BatchFunction): void {
    const definition = this.definition();
    const known = this.#definition;
    if (known !== undefined && definition.every((value, i) => value === known[i])) return;
    this.dispose();
    this.#definition = definition;
    if (process.env.LB_EAGER !== '1' && hasOwnCode(this.model)) {
      this.#watched = new WatchedFunction(fn, {
        moment: () => this.#moment(),
        maxSignatures: MAX_SIGNATURES,
        onRefusal: (error) => this.#refuse(error),
      });
    }
    try {
      this.#needsFirstStep = !this.prepare();
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#refuse(error);
    }
  }

  /** Runs op by op what could not be recorded. Where that makes variables, a later call may be recorded. */
  #withoutGraph(fn: BatchFunction, data: Parameters<BatchFunction>[0], error: Error): tf.Tensor[] {
    const before = new Set(Object.values(tf.engine().registeredVariables));
    const result = fn(data);
    if (Object.values(tf.engine().registeredVariables).every((variable) => before.has(variable)))
      this.#refuse(error);
    return result;
  }

  #moment(): Moment {
    const { history } = this.model as unknown as Internals;
    return { fit: history, epochs: history?.epoch.length ?? 0 };
  }

  #refuse({ message }: Error): void {
    this.#refused = true;
    this.report(message);
  }
}

/** Whether `error` says that something cannot be recorded. */
function isRefusal(error: unknown): error is Error {
  return (
    error instanceof CompileError || error instanceof NativeRuntimeError || error instanceof StorageError
  );
}

/**
 * Makes what the optimizer remembers, and returns whether it could: else the first step does. Refuses
 * optimizers of unknown kind.
 */
function prepareOptimizer({ optimizer_: optimizer, collectedTrainableWeights = [] }: Internals): boolean {
  if (optimizer === undefined) return true;
  if (isPreparable(optimizer)) {
    const variables = collectedTrainableWeights.map((weight) => weight.read() as tf.Variable);
    optimizer.prepare(variables.filter(({ trainable }) => trainable));
    return true;
  }
  // Their numbers and counters are known; what others keep beside variables is not.
  if (isStockOptimizer(optimizer)) return false;
  throw new CompileError(
    `The optimizer ${optimizer.constructor.name} is none of tf.train and none of this library: what it ` +
      'keeps beside tf.Variables would be fixed in a graph. Use ' +
      'one of those, or extend one of this library.',
  );
}

function isPreparable(optimizer: tf.Optimizer): optimizer is Preparable {
  return typeof (optimizer as Partial<Preparable>).prepare === 'function' && 'stepKind' in optimizer;
}

/** Says each reason once. */
function reporter(name: string): (reason: string) => void {
  const said = new Set<string>();
  return (reason) => {
    if (said.has(reason)) return;
    said.add(reason);
    console.warn(`accelerate: the model "${name}" runs op by op, as without accelerate. ${reason}`);
  };
}

type Method = (...args: never[]) => unknown;

/**
 * Replaces methods of one object until the returned function is called. Each replacement is made from the
 * method before.
 */
function override<T extends object>(
  object: T,
  replacements: { [K in keyof T]?: (before: T[K]) => T[K] },
): () => void {
  const names = Object.keys(replacements) as Array<keyof T>;
  const own = names.map((name) => Object.getOwnPropertyDescriptor(object, name));
  for (const name of names) {
    const before = (object[name] as Method).bind(object) as T[keyof T];
    const value = (replacements[name] as (before: T[keyof T]) => T[keyof T])(before);
    Object.defineProperty(object, name, { value, configurable: true, writable: true });
  }
  return () => {
    names.forEach((name, i) => {
      const descriptor = own[i];
      if (descriptor === undefined) Reflect.deleteProperty(object, name);
      else Object.defineProperty(object, name, descriptor);
    });
  };
}

/** A method `dispose` that frees the graphs, too. */
function disposesToo(model: tf.LayersModel): (dispose: () => unknown) => () => unknown {
  return (dispose) => () => {
    undo(model);
    return dispose();
  };
}

function sliceRows(tensor: tf.Tensor, start: number, size: number): tf.Tensor {
  return tf.slice(tensor, [start, ...tensor.shape.slice(1).fill(0)], [size, ...tensor.shape.slice(1)]);
}
