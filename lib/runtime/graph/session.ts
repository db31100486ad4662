/**
 * A TensorFlow session over a graph, opened through tfjs-node's SavedModel loader.
 *
 * The loader wants a path. TensorFlow's own in-memory file system (`ram://`) serves one, so nothing is written to disk and
 * nothing is left behind when the process is killed.
 */
import { checkedNodeBackend, type NodeBackend, runOpWithOutputs } from '../backend';
import * as tf from '../tf';
import type { GraphBuilder, GraphTensor } from './builder';
import { CompileError } from './error';

let opened = 0;

/** Frees the sessions of compiled functions that were dropped without dispose(). */
const dropped = new FinalizationRegistry<() => void>((free) => free());

export class GraphSession {
  readonly #backend: NodeBackend;
  #id: number | undefined;

  /** Opens a session over a graph. */
  constructor(graph: GraphBuilder) {
    this.#backend = checkedNodeBackend();
    const folder = `ram://lookbehind-${process.pid}-${opened++}`;
    const file = `${folder}/saved_model.pb`;
    writeFile(file, graph.serialize());
    try {
      this.#id = this.#backend.loadSavedModelMetaGraph(folder, 'serve');
    } catch (error) {
      const message = (error as Error).message;
      const node = /\{\{node (\w+)\}\}/.exec(message)?.[1];
      const op = node === undefined ? '' : ` (at op ${graph.opOf(node)})`;
      throw new CompileError(`TensorFlow refused the compiled graph${op}: ${message}`, { cause: error });
    } finally {
      // There is no op that deletes a file; an empty one holds no memory.
      writeFile(file, new Uint8Array(0));
    }
    const [backend, id] = [this.#backend, this.#id];
    dropped.register(this, () => backend.deleteSavedModel(id), this);
  }

  /** Runs the graph. The caller owns the results (or the enclosing tf.tidy). */
  run(inputs: tf.Tensor[], inputNames: { name: GraphTensor }[], outputNames: GraphTensor[]): tf.Tensor[] {
    if (this.#id === undefined) throw new CompileError('This compiled function was disposed.');
    if (outputNames.length === 0) return [];
    return this.#backend.runSavedModel(this.#id, inputs, inputNames, outputNames);
  }

  /** Frees the session, its graph and its state. */
  dispose(): void {
    if (this.#id === undefined) return;
    dropped.unregister(this);
    this.#backend.deleteSavedModel(this.#id);
    this.#id = undefined;
  }
}

function writeFile(path: string, contents: Uint8Array): void {
  tf.tidy(() => {
    const text = (bytes: Uint8Array) => tf.tensor([bytes] as unknown as string[], [], 'string');
    runOpWithOutputs('WriteFile', [], [text(Buffer.from(path)), text(contents)], 0);
  });
}
