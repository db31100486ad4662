/**
 * A worker process: executes one run after the other for the process that started it, and ends with it. They
 * talk in lines of JSON through standard input and output, see `RunnerProcess`.
 */
import { createInterface } from 'node:readline';
import { stringifyNumbers } from '../../files/checkedJson';
import { DataLoader } from '../config/dataConfig';
import { executeRun } from '../execute';
import { RunStore } from '../store';
import type { Reply, Request } from './runner';

const PROGRESS_INTERVAL = 100;

const loader = new DataLoader();
let stop = new AbortController();
let running: Promise<void> | undefined;
/** Whether the process that started this one ended or let it go. */
let released = false;

async function run({ id, task }: Request & { kind: 'run' }): Promise<void> {
  stop = new AbortController();
  let reported = 0;
  const say = (reply: Reply): void => void process.stdout.write(`${stringifyNumbers({ ...reply, id })}\n`);
  const onProgress = (share: number): void => {
    if (performance.now() - reported < PROGRESS_INTERVAL) return;
    reported = performance.now();
    say({ kind: 'progress', share });
  };
  const { config, store, ...rest } = task;
  try {
    const outcome = await executeRun(config, new RunStore(store), {
      signal: stop.signal,
      onProgress,
      ...rest,
      loader,
    });
    say({ kind: 'outcome', outcome });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    say({ kind: 'error', name, message });
  }
  running = undefined;
  if (released) process.exit();
}

const requests = createInterface({ input: process.stdin });
requests.on('line', (line) => {
  const request = JSON.parse(line) as Request;
  if (request.kind === 'abort') stop.abort();
  else running = run(request);
});
// Saves what was done, then ends.
requests.on('close', () => {
  released = true;
  stop.abort();
  if (running === undefined) process.exit();
});
process.stdout.on('error', () => {}); // nobody listens any more

// Ctrl-C reaches every process of a terminal; the one that started this one decides what it means.
process.on('SIGINT', () => {});
