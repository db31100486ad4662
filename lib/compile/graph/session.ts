/**
 * A TensorFlow session over a graph, opened through tfjs-node's SavedModel loader.
 *
 *     open     the session of an equal graph, where there is one; else a new one
 *     dispose  the last user's: the session is kept for a while, in case that an equal graph comes again
 *
 * A session's first run costs 10 to 1,000 times a later one, since TensorFlow then simplifies the graph and
 * makes its kernels. Graphs that are equal to the byte do the same, and hold no state: variables are fed. So
 * runs that differ in their seed, weights, data or learning rate share a session, one after the other or at
 * once.
 *
 * The loader wants a folder, which exists for the milliseconds of one synchronous call. Where the process is
 * killed in between, the next one that compiles removes it. (TensorFlow's own in-memory file system would
 * need none, but no op deletes what was written there, so every graph would stay.)
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StorageError } from '../../core/errors';
import type * as tf from '../../core/tf';
import { writeFileAtomic } from '../../files/atomicFile';
import { checkedNodeBackend, type NodeBackend } from '../backend';
import type { GraphBuilder, GraphTensor } from './builder';
import { CompileError } from './error';

/** Names of the folders: this, the id of the process, and a random part. */
const FOLDER_PREFIX = 'lookbehind-graph-';

let swept = false;

/**
 * Sessions that nobody uses are kept as long as their graphs, as written, have this many bytes in all: some
 * 25 training steps of small networks, or three of a ResNet-20. Each byte stands for about 100 resident ones.
 */
const IDLE_BYTES = 2 ** 20;

/** A native session, and who uses it. */
interface SharedSession {
  readonly backend: NodeBackend;
  readonly id: number;
  readonly key: string;
  readonly bytes: number;
  users: number;
}

/** The open sessions of a backend by what their graphs hold, those that were let go last at the end. */
const pools = new WeakMap<NodeBackend, Map<string, SharedSession>>();

/** Lets the sessions go that compiled functions hold which were dropped without dispose(). */
const dropped = new FinalizationRegistry<SharedSession>(release);

export class GraphSession {
  #shared: SharedSession | undefined;
  readonly #inputs: { name: GraphTensor }[];
  readonly #fetches: GraphTensor[];

  /**
   * Opens a session over a graph.
   *
   * @param inputs What is given at each run, in this order.
   * @param outputs What a run returns, in this order.
   */
  constructor(graph: GraphBuilder, inputs: readonly GraphTensor[], outputs: readonly GraphTensor[]) {
    const { model, fetches } = graph.serialize(inputs, outputs);
    this.#inputs = inputs.map((name) => ({ name }));
    this.#fetches = fetches;
    this.#shared = acquire(graph, model);
    dropped.register(this, this.#shared, this);
  }

  /** Runs the graph. The caller owns the results (or the enclosing tf.tidy). */
  run(inputs: tf.Tensor[]): tf.Tensor[] {
    if (this.#shared === undefined) throw new CompileError('This compiled function was disposed.');
    if (this.#fetches.length === 0) return [];
    return this.#shared.backend.runSavedModel(this.#shared.id, inputs, this.#inputs, this.#fetches);
  }

  /** Lets the session go. */
  dispose(): void {
    if (this.#shared === undefined) return;
    dropped.unregister(this);
    release(this.#shared);
    this.#shared = undefined;
  }
}

function poolOf(backend: NodeBackend): Map<string, SharedSession> {
  let pool = pools.get(backend);
  if (pool === undefined) {
    pool = new Map();
    pools.set(backend, pool);
  }
  return pool;
}

function acquire(graph: GraphBuilder, model: Uint8Array): SharedSession {
  const backend = checkedNodeBackend();
  const pool = poolOf(backend);
  const key = createHash('sha256').update(model).digest('base64');
  let session = pool.get(key);
  if (session === undefined) {
    session = { backend, key, id: load(backend, graph, model), bytes: model.byteLength, users: 0 };
    pool.set(key, session);
  }
  session.users++;
  return session;
}

function release(session: SharedSession): void {
  session.users--;
  if (session.users > 0) return;
  const pool = poolOf(session.backend);
  // Now the last one in the queue.
  pool.delete(session.key);
  pool.set(session.key, session);
  trim(pool);
}

/**
 * Frees sessions that nobody uses, those first that were let go first, until the graphs of the others are
 * small enough.
 */
function trim(pool: Map<string, SharedSession>): void {
  const idle = [...pool.values()].filter(({ users }) => users === 0);
  let kept = idle.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { backend, key, id, bytes } of idle) {
    if (kept <= IDLE_BYTES) return;
    backend.deleteSavedModel(id);
    pool.delete(key);
    kept -= bytes;
  }
}

function load(backend: NodeBackend, graph: GraphBuilder, model: Uint8Array): number {
  removeLeftovers();
  const folder = temporaryFolder();
  try {
    writeFileAtomic(join(folder, 'saved_model.pb'), model);
    return backend.loadSavedModelMetaGraph(folder, 'serve');
  } catch (error) {
    if (error instanceof StorageError) throw error;
    const message = (error as Error).message;
    const node = /\{\{node (\w+)\}\}/.exec(message)?.[1];
    const op = node === undefined ? '' : ` (at op ${graph.opOf(node)})`;
    throw new CompileError(`TensorFlow refused the compiled graph${op}: ${message}`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
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

/**
 * Removes folders that processes which are gone have left, once per process. Those of other users stay, and
 * so does everything in a folder that can be written, but not listed.
 */
function removeLeftovers(): void {
  if (swept) return;
  swept = true;
  for (const name of namesIn(tmpdir())) {
    const pid = name.startsWith(FOLDER_PREFIX)
      ? Number.parseInt(name.slice(FOLDER_PREFIX.length), 10)
      : Number.NaN;
    if (Number.isNaN(pid) || isAlive(pid)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
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
