/**
 * One set-up at a time in a project: a lock file names its owner, others wait.
 *
 * A set-up that was killed leaves its lock behind, and perhaps a pip or npm that goes on writing. The next
 * one sees that the owner is gone (its process ended, or it has not renewed the lock for a while), ends those
 * children and takes over.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson, writeAtomically } from './files.mjs';
import { endOrphans } from './processes.mjs';
import { SetupError } from './report.mjs';

/**
 * An owner renews its lock this often, and is taken for dead (a process id may be in use again) after missing
 * many turns.
 */
const RENEW_MS = 2_000;
const STALE_MS = 30_000;
const POLL_MS = 200;

/**
 * @typedef {{ pid: number, token: string }} Owner the token also distinguishes two owners that both think
 * they took over
 */

/**
 * Takes the lock, waiting for another owner to finish.
 * @param {string} file
 * @param {{ onWait?: (pid: number) => void, timeoutMs?: number }} [options] onWait is called once, with the
 * owner's process id
 * @returns {Promise<{ token: string, release: () => void }>} a token for the children of this set-up, and
 * what gives the lock back
 */
export async function takeLock(file, { onWait = () => {}, timeoutMs = 30 * 60_000 } = {}) {
  const own = { pid: process.pid, token: randomUUID() };
  const deadline = Date.now() + timeoutMs;
  let told = false;
  while (!createIfAbsent(file, own)) {
    const owner = /** @type {Owner | undefined} */ (readJson(file));
    if (isAbandoned(file, owner)) {
      if (owner) await endOrphans(owner.token);
      writeAtomically(file, JSON.stringify(own));
      // Another set-up may have taken over in the same moment: the last to write is the owner.
      await sleep(POLL_MS);
      if (readJson(file)?.token === own.token) break;
    } else {
      if (!told) onWait(owner?.pid ?? 0);
      told = true;
      if (Date.now() > deadline) {
        throw new SetupError(
          `Another set-up (process ${owner?.pid}) has not finished.`,
          'end it, then run the set-up again.',
        );
      }
      await sleep(POLL_MS);
    }
  }
  const renewal = setInterval(() => fs.utimes(file, new Date(), new Date(), () => {}), RENEW_MS);
  renewal.unref();
  return {
    token: own.token,
    release() {
      clearInterval(renewal);
      fs.rmSync(file, { force: true });
    },
  };
}

/** @param {string} file @param {Owner} own */
function createIfAbsent(file, own) {
  try {
    fs.writeFileSync(file, JSON.stringify(own), { flag: 'wx' });
    return true;
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'EEXIST') return false;
    throw new SetupError(
      `${file} cannot be written (${message}).`,
      'make the project folder writable, or free some disk space.',
    );
  }
}

/** @param {string} file @param {Owner | undefined} owner */
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
