/**
 * A worker process: executes one run after the other for the process that started it, and ends with it.
 */
import { DataLoader } from './dataConfig';
import { executeRun } from './execute';
import type { Reply, Request } from './messages';
import { RunStore } from './store';

const PROGRESS_INTERVAL = 100;

const loader = new DataLoader();
let stop = new AbortController();

async function run({ task }: Request & { kind: 'run' }): Promise<void> {
  stop = new AbortController();
  let reported = 0;
  const onProgress = (share: number): void => {
    if (performance.now() - reported < PROGRESS_INTERVAL) return;
    reported = performance.now();
    reply({ kind: 'progress', share });
  };
  const { config, store, checkpointSeconds } = task;
  try {
    const outcome = await executeRun(config, new RunStore(store), { signal: stop.signal, onProgress, checkpointSeconds, loader });
    reply({ kind: 'outcome', outcome });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    reply({ kind: 'error', name, message });
  }
  if (!process.connected) process.exit();
}

function reply(message: Reply): void {
  if (process.connected) process.send?.(message);
}

let running: Promise<void> | undefined;

process.on('message', (request: Request) => {
  if (request.kind === 'abort') stop.abort();
  else
    running = run(request).finally(() => {
      running = undefined;
    });
});

// The process that started this one ended or let it go: save what was done, then end.
process.on('disconnect', () => {
  stop.abort();
  if (running === undefined) process.exit();
});

// Ctrl-C reaches every process of a terminal; the one that started this one decides what it means.
process.on('SIGINT', () => {});
