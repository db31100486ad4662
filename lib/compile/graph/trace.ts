/**
 * Records what a function does as a TensorFlow graph.
 *
 *   argument                    -> placeholder
 *   tf.Variable that is read    -> placeholder, fed with the variable's value at each run
 *   variable.assign() in fn     -> output, assigned back after each run
 *   op                          -> node
 *   any other tensor            -> constant
 *
 * Every kernel of the native backend ends in `executeSingleOutput` or `executeMultipleOutputs`. While a
 * function is traced, both are overridden on the backend object: the op still runs, so shapes, dtypes and the
 * result of the traced call are exact, and it is also recorded. Tensors are known by their `dataId`, an
 * object that is unique and whose values never change.
 *
 * Variables that were assigned to each other share a dataId, and so does any clone of a variable. So each
 * variable that shares its data, and each argument, gets a dataId of its own before the trace: from then on a
 * dataId says whose value it is. A variable that is an argument stays itself: the function may assign it, and
 * a graph is valid for this one only.
 */

import { type Condition, type Effect, Recording, whileTracing } from '../../core/recording';
import * as tf from '../../core/tf';
import { attr, type NodeBackend, nodeBackend, type OpAttribute } from '../backend';
import { Blanks, outputForms } from './blank';
import { type ConstantData, GraphBuilder, type GraphTensor, output } from './builder';
import { CompileError } from './error';
import { WatchedLayers } from './layers';
import { callOwned } from './owned';
import { lowerRandomOps, refuseOtherDraws } from './randomness';
import type { RunSeed } from './seeds';
import { stackOf } from './stack';
import { distinctTensors, mapTensors, type TensorTree, tensorsOf } from './tree';

/** Constants above this many bytes are reported: the graph holds a copy of them. */
export const LARGE_CONSTANT_BYTES = 1 << 20;

/**
 * Ops whose output shape depends on the values of their inputs: what follows them would be frozen to one
 * shape.
 */
const VALUE_DEPENDENT_SHAPES = new Set([
  'Where',
  'Unique',
  'UniqueV2',
  'NonMaxSuppressionV3',
  'NonMaxSuppressionV4',
  'NonMaxSuppressionV5',
]);

/**
 * Attributes that tfjs-node leaves out, because they follow from an input when an op runs by itself. A graph
 * must name them: they are the dtype of the first input.
 */
const IMPLIED_ATTRIBUTES: Readonly<Record<string, string>> = { ExpandDims: 'T' };

/** How a function is recorded. */
export interface TraceOptions {
  /** Called where the function draws random numbers: the seed of this call. */
  drawRunSeed: () => RunSeed;
  /**
   * Records only: costly ops are not executed (graph/blank.ts), and afterwards all variables are as before.
   * The values of `result` then mean nothing, and nor do those of variables that the function made.
   */
  recordOnly?: boolean;
  /**
   * The call goes on where a graph cannot repeat what it does, as if nobody recorded it. `use` then gets why,
   * instead of the record.
   */
  goesOn?: boolean;
}

/** What was recorded. */
export interface Trace<R> {
  /**
   * The result of the traced call itself. Whoever takes it owns its tensors; of a call that was only
   * recorded, nobody does.
   */
  result: R;
  graph: GraphBuilder;
  /** Nodes of the arguments. */
  inputs: GraphTensor[];
  /** Variables that are fed, and their nodes. */
  read: Map<tf.Variable, GraphTensor>;
  /** Variables that are assigned, and the nodes of their new values. */
  assigned: Map<tf.Variable, GraphTensor>;
  /** Nodes of the result's tensors, in the order of `distinctTensors`. */
  outputs: GraphTensor[];
  /** The node of the per-run seed, where random numbers are drawn. */
  seed: GraphTensor | undefined;
  /** Constants above `LARGE_CONSTANT_BYTES`, in words. */
  largeConstants: string[];
  /** Variables that this call made: the next call does other work, so the record is of no use. */
  created: tf.Variable[];
  /** JavaScript state that the record depends on. */
  conditions: Condition[];
  /** Changes of JavaScript state that each run repeats. */
  effects: Effect[];
  /** For each node, in words, the layer in which it was recorded, or that it was in none. */
  places: string[];
  /** Takes back what the call did: variables, counters, and what it made. */
  undo(): void;
}

/**
 * Calls `fn`, records it, and hands the record to `use`. Where `fn` does something that a graph cannot
 * repeat, throws a CompileError. Where anything throws, variables, tensors and the backend are as they were
 * before.
 */
export function trace<A extends TensorTree[], R, T>(
  fn: (...args: A) => R,
  args: A,
  options: TraceOptions,
  use: (trace: Trace<R>) => T,
): T {
  return new Tracer(options).trace(fn, args, use);
}

/** What a genuine call was, also where no graph can repeat it. */
export interface TracedCall<R> {
  result: R;
  /** Undefined where it cannot be recorded. */
  record: Trace<R> | undefined;
  refusal: CompileError | undefined;
}

/**
 * Calls `fn` once, op by op, with all that it does outside of tensors, and records it where that is possible.
 * The caller owns the result. `use` may take the record back by `undo`.
 */
export function traceCall<A extends TensorTree[], R, T>(
  fn: (...args: A) => R,
  args: A,
  drawRunSeed: () => RunSeed,
  use: (call: TracedCall<R>) => T,
): T {
  return new Tracer({ drawRunSeed, goesOn: true }).traceCall(fn, args, use);
}

/**
 * Calls `fn` as `callOwned` does, with the random numbers that a run of its graph draws from the same seed.
 */
export function callSeeded<A extends TensorTree[], R>(
  fn: (...args: A) => R,
  args: A,
  drawRunSeed: () => RunSeed,
): R {
  const seeds = new RunSeeds(drawRunSeed);
  const restore = lowerRandomOps(() => seeds.next());
  try {
    return callOwned(fn, args);
  } finally {
    restore();
    seeds.dispose();
  }
}

/** Seeds of the random ops of one run: the seed of the run, and which draw of the run it is. */
class RunSeeds {
  #base: tf.Tensor | undefined;
  #draws = 0;

  constructor(private readonly drawRunSeed: () => RunSeed) {}

  /** The seed of the run, int32 [2]; undefined as long as nothing was drawn. */
  get base(): tf.Tensor | undefined {
    return this.#base;
  }

  /**
   * The seed of the next op, int32 [2]. `onFirst` is called with the seed of the run before its first use.
   */
  next(onFirst?: (base: tf.Tensor) => void): tf.Tensor {
    if (this.#base === undefined) {
      this.#base = tf.keep(tf.tensor1d(this.drawRunSeed(), 'int32'));
      onFirst?.(this.#base);
    }
    return tf.add(this.#base, tf.tensor1d([0, this.#draws++], 'int32'));
  }

  dispose(): void {
    this.#base?.dispose();
  }
}

class Tracer {
  readonly #backend: NodeBackend = nodeBackend();
  readonly #graph = new GraphBuilder();
  readonly #nodes = new Map<object, GraphTensor>();
  readonly #fed = new Set<GraphTensor>();
  readonly #computed = new Set<object>();
  /** What differs from run to run: all that follows from what is fed. */
  readonly #varying = new Set<object>();
  readonly #variables = new Map<object, tf.Variable>();
  readonly #read = new Map<tf.Variable, GraphTensor>();
  readonly #largeConstants: string[] = [];
  readonly #recording = new Recording();
  readonly #layers = new WatchedLayers(this.#recording, (reason) => this.#refuse(reason));
  /** The values of variables before their first assignment. */
  readonly #before = new Map<tf.Variable, tf.Tensor>();
  readonly #created: tf.Variable[] = [];
  readonly #disposed: tf.Variable[] = [];
  readonly #kept: tf.Tensor[] = [];
  readonly #seeds: RunSeeds;
  readonly #blanks: Blanks | undefined;
  readonly #goesOn: boolean;
  readonly #places: string[] = [];
  #failure: CompileError | undefined;

  constructor({ drawRunSeed, recordOnly = false, goesOn = false }: TraceOptions) {
    this.#seeds = new RunSeeds(drawRunSeed);
    this.#goesOn = goesOn;
    this.#blanks = recordOnly ? new Blanks(this.#backend.executeSingleOutput.bind(this.#backend)) : undefined;
  }

  trace<A extends TensorTree[], R, T>(fn: (...args: A) => R, args: A, use: (trace: Trace<R>) => T): T {
    return this.#call(fn, args, (traced, inputs) => {
      if (this.#failure !== undefined) throw this.#failure;
      const record = this.#finish(traced, inputs);
      const used = use(record);
      if (this.#blanks !== undefined) record.undo();
      return used;
    });
  }

  traceCall<A extends TensorTree[], R, T>(
    fn: (...args: A) => R,
    args: A,
    use: (call: TracedCall<R>) => T,
  ): T {
    return this.#call(fn, args, (result, inputs) => {
      let record: Trace<R> | undefined;
      try {
        if (this.#failure === undefined) record = this.#finish(result, inputs);
      } catch (error) {
        if (!(error instanceof CompileError)) throw error;
        this.#failure ??= error;
      }
      return use({
        result,
        record: this.#failure === undefined ? record : undefined,
        refusal: this.#failure,
      });
    });
  }

  /** Calls `fn`, recorded, and `then` with what it returned and the nodes of its arguments. */
  #call<A extends TensorTree[], R, T>(
    fn: (...args: A) => R,
    args: A,
    then: (traced: R, inputs: GraphTensor[]) => T,
  ): T {
    const own = mapTensors(args, (arg) => (arg instanceof tf.Variable ? arg : this.#withOwnData(arg)));
    const given = tensorsOf(own).filter((arg) => !(arg instanceof tf.Variable));
    let result: R | undefined;
    try {
      this.#meetVariables();
      const inputs = given.map((arg) => this.#placeholder(arg));
      result = this.#record(() => callOwned(fn, own));
      return then(result, inputs);
    } catch (error) {
      if (result !== undefined) tf.dispose(distinctTensors(result));
      this.#undo();
      throw error;
    } finally {
      tf.dispose([...this.#before.values(), ...given]);
      this.#seeds.dispose();
      this.#blanks?.dispose();
    }
  }

  /** The record of a call that returned `result`. */
  #finish<R>(result: R, inputs: GraphTensor[]): Trace<R> {
    const outputs = distinctTensors(result);
    this.#layers.finish();
    this.#refuseKept(outputs);
    if (this.#disposed.length > 0) throw this.#fail(`it disposes the variable "${this.#disposed[0].name}"`);
    const assigned = [...this.#variables].filter(([dataId, variable]) => variable.dataId !== dataId);
    return {
      result,
      graph: this.#graph,
      inputs,
      outputs: outputs.map((tensor) => this.#output(tensor)),
      assigned: new Map(assigned.map(([, variable]) => [variable, this.#output(variable)])),
      read: this.#read,
      seed: this.#seeds.base && this.#nodes.get(this.#seeds.base.dataId),
      largeConstants: this.#largeConstants,
      created: this.#created,
      conditions: [...this.#recording.conditions, ...this.#flags(assigned.map(([, variable]) => variable))],
      effects: this.#recording.effects,
      places: this.#places,
      undo: () => {
        tf.dispose(outputs);
        this.#undo();
      },
    };
  }

  /** Learns the dataId of each variable, and parts those that share it with others. */
  #meetVariables(): void {
    for (const variable of Object.values(tf.engine().registeredVariables)) {
      const shares = this.#variables.has(variable.dataId) || this.#backend.refCount(variable.dataId) > 1;
      if (shares) tf.tidy(() => variable.assign(this.#withOwnData(variable)));
      this.#variables.set(variable.dataId, variable);
    }
  }

  /**
   * Which of the graph's variables are trained decides what is recorded: tf.variableGrads and optimizers look
   * at it.
   */
  #flags(assigned: tf.Variable[]): Condition[] {
    return [...new Set([...this.#read.keys(), ...assigned])].map((variable) => ({
      read: () => variable.trainable,
      value: variable.trainable,
    }));
  }

  /** Refuses tensors that outlive the call beside its result: no later run would renew them. */
  #refuseKept(outputs: tf.Tensor[]): void {
    const frozen = this.#kept.find(
      (tensor) =>
        !tensor.isDisposed &&
        this.#varying.has(tensor.dataId) &&
        tensor !== this.#seeds.base &&
        !outputs.includes(tensor) &&
        !this.#layers.owns(tensor),
    );
    if (frozen === undefined) return;
    throw this.#fail(
      `it keeps a tensor (${frozen.dtype} [${frozen.shape}]) for later calls by tf.keep, which later ` +
        'runs would not renew. Keep the value in a tf.Variable, or return it',
    );
  }

  /**
   * Gives everything its old state, disposes new variables, and what an interrupted gradient kept for its
   * backward pass.
   */
  #undo(): void {
    for (const variable of this.#created) if (!variable.isDisposed) variable.dispose();
    for (const [variable, value] of this.#before) if (!variable.isDisposed) variable.assign(value);
    this.#recording.undo();
    this.#layers.restore();
    const { state } = tf.engine();
    if (state.gradientDepth === 0 && state.activeTape != null) {
      for (const node of state.activeTape) tf.dispose(node.saved);
    }
  }

  /** Until the returned function is called, sees what is kept, made, assigned and disposed. */
  #watch(): () => void {
    const engine = tf.engine() as unknown as Engine;
    const { keep, makeVariable } = engine;
    const { assign, dispose } = tf.Variable.prototype;
    const beforeAssign = (variable: tf.Variable) => {
      if (!this.#before.has(variable) && !this.#created.includes(variable))
        this.#before.set(variable, copyOf(variable, keep));
    };
    const beforeDispose = (variable: tf.Variable) => {
      if (!this.#created.includes(variable)) this.#disposed.push(variable);
    };
    engine.keep = (tensor) => {
      this.#kept.push(tensor);
      return keep.call(engine, tensor);
    };
    engine.makeVariable = (...args) => {
      const variable = makeVariable.apply(engine, args);
      this.#created.push(variable);
      return variable;
    };
    tf.Variable.prototype.assign = function (value) {
      beforeAssign(this);
      assign.call(this, value);
    };
    tf.Variable.prototype.dispose = function () {
      beforeDispose(this);
      dispose.call(this);
    };
    return () => {
      Reflect.deleteProperty(engine, 'keep');
      Reflect.deleteProperty(engine, 'makeVariable');
      Object.assign(tf.Variable.prototype, { assign, dispose });
    };
  }

  /** Throws `#fail(what)`, or lets the call go on without being recorded. */
  #refuse(what: string): void {
    const error = this.#fail(what);
    if (!this.#goesOn) throw error;
  }

  #fail(what: string): CompileError {
    const error = new CompileError(
      `This function cannot be compiled: ${what}. Do that outside of the compiled function and pass the ` +
        'result as an argument, or run the function without compiling it (eager: true).',
    );
    // Thrown at the end too, where the function itself caught it.
    this.#failure ??= error;
    return error;
  }

  #record<T>(run: () => T): T {
    const backend = this.#backend;
    const { executeSingleOutput, executeMultipleOutputs, readSync, read } = backend;
    const overrides = {
      executeSingleOutput: (op: string, attributes: OpAttribute[], inputs: tf.TensorInfo[]) => {
        const blank = this.#blank(op, attributes, inputs);
        const result = blank?.[0] ?? executeSingleOutput.call(backend, op, attributes, inputs);
        this.#recordOp(op, attributes, inputs, [result]);
        return result;
      },
      executeMultipleOutputs: (
        op: string,
        attributes: OpAttribute[],
        inputs: tf.TensorInfo[],
        count: number,
      ) => {
        const results =
          this.#blank(op, attributes, inputs) ??
          executeMultipleOutputs.call(backend, op, attributes, inputs, count);
        this.#recordOp(op, attributes, inputs, results);
        return results;
      },
      readSync: (dataId: object) => {
        if (this.#isComputed(dataId)) this.#refuse(`${readerOf()} reads values that differ from run to run`);
        return readSync.call(backend, dataId);
      },
      read: (dataId: object) => {
        if (!this.#isComputed(dataId)) return read.call(backend, dataId);
        this.#fail(`${readerOf()} reads values that differ from run to run`);
        if (this.#goesOn) return read.call(backend, dataId);
        // Nobody may be there to catch a rejection, and whoever waits must not go on.
        return new Promise<never>(() => undefined);
      },
    };
    const restoreRandomOps = lowerRandomOps(() => this.#seeds.next((base) => this.#placeholder(base)));
    const restoreOtherDraws = refuseOtherDraws((what) => this.#refuse(what));
    const stopWatching = [this.#layers.start(), this.#watch()];
    Object.assign(backend, overrides);
    try {
      return whileTracing(this.#recording, run);
    } finally {
      for (const stop of stopWatching) stop();
      for (const name of Object.keys(overrides)) Reflect.deleteProperty(backend, name);
      restoreOtherDraws();
      restoreRandomOps();
    }
  }

  /** Stand-ins for the results of an op; undefined where it must be executed. */
  #blank(op: string, attributes: OpAttribute[], inputs: tf.TensorInfo[]): tf.Tensor[] | undefined {
    if (this.#blanks === undefined) return undefined;
    const valuesOf = (tensor: tf.TensorInfo) =>
      this.#isComputed(tensor.dataId) ? undefined : this.#valuesOf(tensor.dataId);
    return outputForms(op, attributes, inputs, valuesOf)?.map((form) => (this.#blanks as Blanks).make(form));
  }

  #recordOp(op: string, attributes: OpAttribute[], inputs: tf.TensorInfo[], results: tf.Tensor[]): void {
    if (this.#goesOn && this.#failure !== undefined) return;
    try {
      this.#addOp(op, attributes, inputs, results);
    } catch (error) {
      if (!this.#goesOn || !(error instanceof CompileError)) throw error;
      this.#failure ??= error;
    }
    while (this.#places.length < this.#graph.nodeCount) this.#places.push(this.#layers.place);
  }

  #addOp(op: string, attributes: OpAttribute[], inputs: tf.TensorInfo[], results: tf.Tensor[]): void {
    if (VALUE_DEPENDENT_SHAPES.has(op))
      throw this.#fail(`the shape of what ${op} returns depends on the values it is given`);
    const nodes = inputs.map((input) => this.#node(input));
    const varies = inputs.some(({ dataId }) => this.#varying.has(dataId));
    const implied = IMPLIED_ATTRIBUTES[op];
    const complete =
      implied === undefined ? attributes : [...attributes, attr.type(implied, inputs[0].dtype)];
    const first = this.#graph.add(op, nodes, complete, results);
    results.forEach((tensor, i) => {
      this.#nodes.set(tensor.dataId, output(first, i));
      this.#computed.add(tensor.dataId);
      if (varies) this.#varying.add(tensor.dataId);
    });
  }

  #node(tensor: tf.TensorInfo): GraphTensor {
    const known = this.#nodes.get(tensor.dataId);
    if (known !== undefined) return known;
    const variable = this.#variables.get(tensor.dataId);
    if (variable === undefined) return this.#constant(tensor);
    const node = this.#placeholder(variable, tensor.dataId);
    this.#read.set(variable, node);
    return node;
  }

  #placeholder({ dtype, shape, dataId }: tf.TensorInfo, known = dataId): GraphTensor {
    const node = this.#graph.placeholder(dtype, shape);
    this.#nodes.set(known, node);
    this.#computed.add(known);
    this.#varying.add(known);
    this.#fed.add(node);
    return node;
  }

  #constant({ dtype, shape, dataId }: tf.TensorInfo): GraphTensor {
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
      throw this.#fail(`it uses a ${dtype} tensor that is not an argument`);
    }
    const data = this.#valuesOf(dataId);
    const before = this.#graph.constantBytes;
    const node = this.#graph.constant(dtype, shape, typedArray(dtype, data));
    const bytes = this.#graph.constantBytes - before;
    if (bytes > LARGE_CONSTANT_BYTES)
      this.#largeConstants.push(`${dtype} [${shape}], ${(bytes / 2 ** 20).toFixed(1)} MB`);
    this.#nodes.set(dataId, node);
    return node;
  }

  /** The values of a tensor, past the guard that is up while the function runs. */
  #valuesOf(dataId: object): ConstantData | number[] {
    const prototype = Object.getPrototypeOf(this.#backend) as NodeBackend;
    return prototype.readSync.call(this.#backend, dataId) as ConstantData | number[];
  }

  /**
   * A node that can be fetched. TensorFlow refuses to return what it is fed, but returns the identity of it.
   */
  #output(tensor: tf.TensorInfo): GraphTensor {
    const node = this.#node(tensor);
    return this.#fed.has(node) ? this.#graph.identity(node, tensor.dtype) : node;
  }

  #isComputed(dataId: object): boolean {
    return this.#computed.has(dataId) || this.#variables.has(dataId);
  }

  /** A tensor of the same values with a dataId of its own. */
  #withOwnData(tensor: tf.Tensor): tf.Tensor {
    return this.#backend.executeSingleOutput('Identity', [attr.type('T', tensor.dtype)], [tensor]);
  }
}

/** What is watched of tf.js's engine. */
interface Engine {
  keep(tensor: tf.Tensor): tf.Tensor;
  makeVariable(...args: unknown[]): tf.Variable;
}

/** The value of a variable, past every tf.tidy. */
function copyOf(variable: tf.Variable, keep: Engine['keep']): tf.Tensor {
  return keep.call(tf.engine() as unknown as Engine, variable.clone());
}

function typedArray(dtype: 'float32' | 'int32' | 'bool', data: ConstantData | number[]): ConstantData {
  if (!Array.isArray(data)) return data;
  if (dtype === 'float32') return Float32Array.from(data);
  return dtype === 'int32' ? Int32Array.from(data) : Uint8Array.from(data);
}

/** A stack frame in one of the methods by which tf.js gives out values. Source maps repeat the class name. */
const READER =
  /\bat (?:async )?(?:\w+\.)+(print|toString|arraySync|array|dataSync|data|bytesSync|bytes|bufferSync|buffer)\b.*tfjs-core/;

/** In words, which public call of tf.js reads a tensor's values now, and where that call was made. */
function readerOf(): string {
  const frames = stackOf(50).split('\n');
  const last = frames.reduce((found, frame, i) => (READER.test(frame) ? i : found), -1);
  if (last < 0) return 'an op';
  const place = /\(?([^\s(]+:\d+:\d+)\)?$/.exec(frames[last + 1] ?? '')?.[1];
  return `tensor.${READER.exec(frames[last])?.[1]}()${place === undefined ? '' : ` at ${place}`}`;
}
