/**
 * A worker process: executes one run after the other for the process that started it, and ends with it.
 *
 * A Node process that started it talks through Node's own channel; any other, with the option --lines, in lines of JSON through standard
 * input and output.
 */
import { createInterface } from 'node:readline';
import { stringifyNumbers } from '../../files/numberJson';
import { DataLoader } from '../config/dataConfig';
import { executeRun } from '../execute';
import { RunStore } from '../store';
import type { Reply, Request } from './messages';

const PROGRESS_INTERVAL = 100;

const loader = new DataLoader();
let stop = new AbortController();
/** Whether the process that started this one ended or let it go. */
let released = false;

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
  if (released) process.exit();
}

let running: Promise<void> | undefined;

function take(request: Request): void {
  if (request.kind === 'abort') stop.abort();
  else
    running = run(request).finally(() => {
      running = undefined;
    });
}

/** Saves what was done, then ends. */
function end(): void {
  released = true;
  stop.abort();
  if (running === undefined) process.exit();
}

const reply = process.argv.includes('--lines') ? throughLines() : throughChannel();

function throughChannel(): (message: Reply) => void {
  process.on('message', take);
  process.on('disconnect', end);
  return (message) => {
    if (process.connected) process.send?.(message);
  };
}

function throughLines(): (message: Reply) => void {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => take(JSON.parse(line) as Request));
  lines.on('close', end);
  process.stdout.on('error', () => {}); // nobody listens any more
  return (message) => process.stdout.write(`${stringifyNumbers(message)}\n`);
}

// Ctrl-C reaches every process of a terminal; the one that started this one decides what it means.
process.on('SIGINT', () => {});
