/**
 * A recorded call as something to run: its graph with a session, for one signature and one state of
 * JavaScript.
 */
import { batchNormState } from '../../core/batchNorm';
import type { Condition, Effect } from '../../core/recording';
import * as tf from '../../core/tf';
import type { GraphBuilder, GraphTensor } from './builder';
import { CompileError } from './error';
import type { RunSeed } from './seeds';
import { GraphSession } from './session';
import type { Trace } from './trace';
import { describeTree, mapTensors, once, type TensorTree } from './tree';

/** What a compiled function does, for one signature. */
export interface CompiledGraph {
  /** Shapes and dtypes of the arguments. */
  signature: string;
  /** Number of nodes, as recorded; TensorFlow simplifies the graph further. */
  nodeCount: number;
  /** How often each op occurs, most frequent first. */
  ops: Record<string, number>;
  /** Names of the variables whose values go in at each run. */
  reads: string[];
  /** Names of the variables that get new values at each run. */
  assigns: string[];
  /** Whether random numbers are drawn, freshly at each run. */
  random: boolean;
  /**
   * Captured tensors of more than 1 MB, in words: the graph holds a copy of each. Pass them as arguments
   * instead.
   */
  largeConstants: string[];
  /** Bytes of all captured constants. */
  constantBytes: number;
}

/** What to do where two records of a call differ. */
export const KEEP_IN_VARIABLE =
  'A graph would freeze what JavaScript computes, draws or counts at each call. Keep what changes in a ' +
  'tf.Variable that is made once (tf.variable(tf.scalar(0.1), false)), and assign it.';

/** Shapes and dtypes, and what else of the present state a trace depends on. */
export function signatureOf(args: TensorTree[]): string {
  const { updateCount } = batchNormState();
  const shapes = args.map(describeTree).join(', ');
  return updateCount === 1 ? shapes : `${shapes} with ${updateCount} BatchNorm updates`;
}

/** A graph with its session, for one signature and one state of JavaScript. */
export class Program<R> {
  readonly description: CompiledGraph;
  /** What was recorded, as long as it is needed: it holds all constants. */
  #record: { graph: GraphBuilder; places: readonly string[] } | undefined;
  readonly #fed: readonly GraphTensor[];
  readonly #fetched: readonly GraphTensor[];
  #session: GraphSession | undefined;
  readonly #structure: R;
  readonly #read: tf.Variable[];
  readonly #assigned: { variable: tf.Variable; output: number }[];
  readonly #resultCount: number;
  readonly #random: boolean;
  readonly #conditions: readonly Condition[];
  readonly #effects: readonly Effect[];
  /** The tensors of the arguments that are variables, by position. */
  readonly #variableArguments: ReadonlyMap<number, tf.Variable>;
  readonly #conventionChanges = batchNormState().conventionChanges;

  constructor(signature: string, tensors: tf.Tensor[], traced: Trace<R>) {
    const { graph, inputs, outputs, read, assigned, seed, conditions, effects } = traced;
    this.#conditions = conditions;
    this.#effects = effects;
    this.#variableArguments = new Map(
      [...tensors.entries()].filter((entry): entry is [number, tf.Variable] => isVariable(entry[1])),
    );
    this.#structure = mapTensors(traced.result, (tensor) => tensor);
    this.#read = [...read.keys()];
    this.#random = seed !== undefined;
    // Variables that get the same value share one output.
    const newValues = [...new Set(assigned.values())];
    this.#assigned = [...assigned].map(([variable, node]) => ({ variable, output: newValues.indexOf(node) }));
    this.#record = { graph, places: traced.places };
    this.#fed = [...inputs, ...read.values(), ...(seed === undefined ? [] : [seed])];
    this.#fetched = [...outputs, ...newValues];
    this.#resultCount = outputs.length;
    this.description = {
      signature,
      nodeCount: graph.nodeCount,
      ops: graph.opCounts,
      reads: this.#read.map(({ name }) => name),
      assigns: this.#assigned.map(({ variable }) => variable.name),
      random: this.#random,
      largeConstants: traced.largeConstants,
      constantBytes: graph.constantBytes,
    };
  }

  /**
   * Whether a call with the tensors of these arguments does, in the present state of JavaScript, what was
   * recorded.
   */
  isFor(signature: string, tensors: tf.Tensor[]): boolean {
    return (
      signature === this.description.signature &&
      tensors.every((tensor, i) => !isVariable(tensor) || tensor === this.#variableArguments.get(i)) &&
      this.#conditions.every(({ read, value }) => Object.is(read(), value))
    );
  }

  /**
   * Whether the function must be traced again: a variable of the graph is gone, or BatchNorm follows another
   * convention.
   */
  isStale(): boolean {
    if (this.#conventionChanges !== batchNormState().conventionChanges) return true;
    return (
      this.#read.some((variable) => variable.isDisposed) ||
      this.#assigned.some(({ variable }) => variable.isDisposed)
    );
  }

  /**
   * What another recording for the same signature and state does otherwise, in words; undefined where it is
   * the same. Both records must still be there.
   */
  differenceFrom(before: Program<R>): string | undefined {
    const at = this.#recorded().graph.differsAt(before.#recorded().graph);
    if (at >= 0) {
      const [now, was] = [this.#inWords(at), before.#inWords(at)];
      return now === was ? `${now} has other values` : `there is ${now} where ${was} was`;
    }
    const same =
      isSameList(this.#fed, before.#fed) &&
      isSameList(this.#fetched, before.#fetched) &&
      isSameList(this.#read, before.#read) &&
      isSameList(
        this.#assigned.map(({ variable }) => variable),
        before.#assigned.map(({ variable }) => variable),
      );
    return same ? undefined : 'it works with other variables';
  }

  #inWords(node: number): string {
    const { graph, places } = this.#recorded();
    const place = places[node];
    return `${graph.describeNode(node)}${place === undefined ? '' : ` in ${place}`}`;
  }

  #recorded(): { graph: GraphBuilder; places: readonly string[] } {
    if (this.#record === undefined) throw new CompileError('The record of this graph was let go.');
    return this.#record;
  }

  /** Opens the session, which else the first run does. */
  open(): GraphSession {
    this.#session ??= new GraphSession(this.#recorded().graph, this.#fed, this.#fetched);
    return this.#session;
  }

  /** Opens the session and lets the record go: no other one is compared with it. */
  openForGood(): void {
    this.open();
    this.#record = undefined;
  }

  run(tensors: tf.Tensor[], drawSeed: () => RunSeed): R {
    const session = this.open();
    const seed = this.#random ? [tf.tensor1d(drawSeed(), 'int32')] : [];
    let values: tf.Tensor[];
    try {
      const inputs = tensors.filter((tensor) => !isVariable(tensor));
      values = session.run([...inputs, ...this.#read, ...seed]);
    } finally {
      tf.dispose(seed);
    }
    const newValues = values.slice(this.#resultCount);
    for (const { variable, output } of this.#assigned) variable.assign(newValues[output]);
    tf.dispose(newValues);
    for (const { redo } of this.#effects) redo();
    let next = 0;
    return mapTensors(
      this.#structure,
      once(() => values[next++]),
    );
  }

  dispose(): void {
    this.#session?.dispose();
    this.#session = undefined;
  }
}

export function isVariable(tensor: tf.Tensor): tensor is tf.Variable {
  return tensor instanceof tf.Variable;
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}
