/**
 * A TensorFlow session over a graph, opened through tfjs-node's SavedModel loader.
 *
 * The loader wants a folder, which exists for the milliseconds of one synchronous call. Where the process is killed in
 * between, the next one that compiles removes it. (TensorFlow's own in-memory file system would need none, but no op deletes
 * what was written there, so every graph would stay.)
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../atomicFile';
import { checkedNodeBackend, type NodeBackend } from '../backend';
import { StorageError } from '../errors';
import type * as tf from '../tf';
import type { GraphBuilder, GraphTensor } from './builder';
import { CompileError } from './error';

/** Names of the folders: this, the id of the process, and a random part. */
const FOLDER_PREFIX = 'lookbehind-graph-';

let swept = false;

/** Frees the sessions of compiled functions that were dropped without dispose(). */
const dropped = new FinalizationRegistry<() => void>((free) => free());

export class GraphSession {
  readonly #backend: NodeBackend;
  #id: number | undefined;

  /** Opens a session over a graph. */
  constructor(graph: GraphBuilder) {
    this.#backend = checkedNodeBackend();
    removeLeftovers();
    const folder = temporaryFolder();
    try {
      writeFileAtomic(join(folder, 'saved_model.pb'), graph.serialize());
      this.#id = this.#backend.loadSavedModelMetaGraph(folder, 'serve');
    } catch (error) {
      if (error instanceof StorageError) throw error;
      const message = (error as Error).message;
      const node = /\{\{node (\w+)\}\}/.exec(message)?.[1];
      const op = node === undefined ? '' : ` (at op ${graph.opOf(node)})`;
      throw new CompileError(`TensorFlow refused the compiled graph${op}: ${message}`, { cause: error });
    } finally {
      rmSync(folder, { recursive: true, force: true });
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

/** A folder for one graph. Throws a StorageError where the disk refuses. */
function temporaryFolder(): string {
  const prefix = join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`);
  try {
    return mkdtempSync(prefix);
  } catch (error) {
    throw new StorageError(prefix, error as Error);
  }
}

/** Removes folders that processes which are gone have left, once per process. Those of other users stay. */
function removeLeftovers(): void {
  if (swept) return;
  swept = true;
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(FOLDER_PREFIX) ? Number.parseInt(name.slice(FOLDER_PREFIX.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
