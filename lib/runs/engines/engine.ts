/**
 * Where the runs of a sweep are executed: in this process, in worker processes, or elsewhere.
 */
import { LookbehindError } from '../../core/errors';
import type { FullRunConfig } from '../config/config';
import { DataLoader } from '../config/dataConfig';
import { type ExecuteOptions, executeRun, type RunOutcome } from '../execute';
import { RunStore } from '../store';

/** One run to execute. Plain JSON, so that it can be sent. */
export interface RunTask extends Pick<ExecuteOptions, 'checkpointSeconds' | 'name'> {
  /** The configuration of the run. */
  config: FullRunConfig;
  /** Absolute path of the store. */
  store: string;
}

/** How a task is watched. */
export type TaskOptions = Pick<ExecuteOptions, 'signal' | 'onProgress'>;

/**
 * Executes runs. The store, which all executing processes must reach, holds the results; an engine only says
 * what became of a task.
 */
export interface Engine {
  /** How many tasks it works on at a time. */
  readonly slots: number;
  /** How often a run is begun before the death of its worker is its outcome. Default 2. */
  readonly attempts?: number;
  /** Makes the engine ready; a sweep calls it before its first run, and throws what it throws. */
  connect?(): Promise<unknown>;
  /**
   * Executes one task.
   *
   * @throws WorkerDiedError where the executing process died: the task may be given again. Other errors are
   * the run's own.
   */
  run(task: RunTask, options?: TaskOptions): Promise<RunOutcome>;
  /** Ends all processes that the engine started. Not to be called while tasks run. */
  close(): Promise<void>;
}

/** A process that executed a run died. */
export class WorkerDiedError extends LookbehindError {}

/** Executes one run at a time in this process, with all its threads. */
export class InProcessEngine implements Engine {
  readonly slots = 1;
  readonly #loader = new DataLoader();

  async run({ config, store, ...task }: RunTask, options: TaskOptions = {}): Promise<RunOutcome> {
    return executeRun(config, new RunStore(store), { ...options, ...task, loader: this.#loader });
  }

  async close(): Promise<void> {}
}
