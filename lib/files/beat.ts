/**
 * The thread that keeps locks alive: it touches their files every few seconds, also while the main thread is
 * busy with one long step.
 */
import { utimesSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

const files = new Set<string>();

parentPort?.on('message', ({ path, held }: { path: string; held: boolean }) => {
  if (held) files.add(path);
  else files.delete(path);
});

setInterval(
  () => {
    for (const path of files) {
      if (touch(path)) continue;
      files.delete(path);
      parentPort?.postMessage(path);
    }
  },
  (workerData as { seconds: number }).seconds * 1000,
);

/** Whether the file is still there. */
function touch(path: string): boolean {
  try {
    const now = new Date();
    utimesSync(path, now, now);
    return true;
  } catch (error) {
    // A shared folder that does not answer for a moment is no loss.
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}
