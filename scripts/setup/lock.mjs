/**
 * One set-up at a time in a project: a lock file names its owner, others wait.
 *
 * A set-up that was killed leaves its lock behind, and perhaps a pip or npm that goes on writing. The next one sees that
 * the owner is gone (its process ended, or it has not renewed the lock for a while), ends those children and takes over.
 */
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson, readText, writeAtomically } from './files.mjs';
import { SetupError } from './report.mjs';

/** An owner renews its lock this often, and is taken for dead (a process id may be in use again) after missing many turns. */
const RENEW_MS = 2_000;
const STALE_MS = 30_000;
const POLL_MS = 200;

/**
 * @typedef {object} LockContent
 * @property {number} pid owner
 * @property {string} token distinguishes two owners that both think they took over
 * @property {import('./processes.mjs').RunningProcess[]} children
 */

/**
 * @typedef {object} Lock
 * @property {(children: import('./processes.mjs').RunningProcess[]) => void} setChildren writes down which children run
 * @property {() => void} release
 */

/**
 * Takes the lock, waiting for another owner to finish.
 * @param {string} file
 * @param {{ onWait?: (pid: number) => void, timeoutMs?: number }} [options] onWait is called once, with the owner's process id
 * @returns {Promise<Lock>}
 */
export async function takeLock(file, { onWait = () => {}, timeoutMs = 30 * 60_000 } = {}) {
  const own = {
    pid: process.pid,
    token: `${process.pid}-${performance.now()}`,
    children: /** @type {LockContent['children']} */ ([]),
  };
  const deadline = Date.now() + timeoutMs;
  let told = false;
  while (!createIfAbsent(file, own)) {
    const owner = /** @type {LockContent | undefined} */ (readJson(file));
    if (isAbandoned(file, owner)) {
      await endChildren(owner?.children ?? []);
      writeAtomically(file, JSON.stringify(own));
      await sleep(POLL_MS); // another set-up may have taken over in the same moment: the last to write is the owner
      if (readJson(file)?.token === own.token) break;
    } else {
      if (!told) onWait(owner?.pid ?? 0);
      told = true;
      if (Date.now() > deadline) {
        throw new SetupError(`Another set-up (process ${owner?.pid}) has not finished.`, 'end it, then run the set-up again.');
      }
      await sleep(POLL_MS);
    }
  }
  const renewal = setInterval(() => fs.utimes(file, new Date(), new Date(), () => {}), RENEW_MS);
  renewal.unref();
  return {
    setChildren(children) {
      own.children = children;
      writeAtomically(file, JSON.stringify(own));
    },
    release() {
      clearInterval(renewal);
      fs.rmSync(file, { force: true });
    },
  };
}

/** @param {string} file @param {LockContent} own */
function createIfAbsent(file, own) {
  try {
    fs.writeFileSync(file, JSON.stringify(own), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw new SetupError(
      `${file} cannot be written (${/** @type {Error} */ (error).message}).`,
      'make the project folder writable.',
    );
  }
}

/** @param {string} file @param {LockContent | undefined} owner */
function isAbandoned(file, owner) {
  const age = Date.now() - (fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (!owner) return age > RENEW_MS; // cut off while it was being written
  return age > STALE_MS || !isAlive(owner.pid);
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/** Ends what a killed set-up left running, after making sure that the process id still belongs to it. @param {LockContent['children']} children */
async function endChildren(children) {
  for (const { pid, command } of children) {
    // /proc is there on Linux only; elsewhere the orphan is left to finish by itself.
    const runs = () =>
      isAlive(pid) && readText(`/proc/${pid}/cmdline`)?.split('\0').join(' ').trim().endsWith(command.replace(/^\S+/, '').trim());
    if (!runs()) continue;
    process.kill(pid, 'SIGTERM');
    while (runs()) await sleep(POLL_MS);
  }
}
