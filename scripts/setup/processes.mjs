/**
 * Child processes of the set-up: their output is kept and shown only where they fail, and none outlives the
 * set-up.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { listFolder } from './files.mjs';

/** A child that is asked to end has this long to do so. */
const PATIENCE_MS = 2_000;

/**
 * Environment variable by which the children of a set-up are known, also after the set-up itself was killed.
 */
const MARK = 'LB_SETUP_TOKEN';

/**
 * @typedef {object} Result
 * @property {number} code exit status; 127 where the program could not be started
 * @property {NodeJS.Signals | null} signal
 * @property {string} output stdout and stderr together
 */

/** Runs programs for one set-up. */
export class Processes {
  /** @type {Set<import('node:child_process').ChildProcess>} */
  #running = new Set();
  #token;

  /** @param {string} [token] marks the children, for `endOrphans` */
  constructor(token = '') {
    this.#token = token;
  }

  /**
   * Runs a program to its end. Never rejects: look at `code`.
   * @param {string} command
   * @param {string[]} args
   * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
   * @returns {Promise<Result>}
   */
  run(command, args, { cwd, env = process.env }) {
    return new Promise((resolve) => {
      // A process group of its own: `stop` then also reaches what the child has started.
      const child = spawn(command, args, {
        cwd,
        env: { ...env, [MARK]: this.#token },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      let output = '';
      const finish = (/** @type {Result} */ result) => {
        this.#running.delete(child);
        resolve(result);
      };
      const keep = (/** @type {Buffer} */ data) => {
        output += data;
      };
      child.stdout.on('data', keep);
      child.stderr.on('data', keep);
      child.on('error', (error) => finish({ code: 127, signal: null, output: `${output}${error.message}` }));
      child.on('close', (code, signal) => finish({ code: code ?? 1, signal, output }));
      this.#running.add(child);
    });
  }

  /**
   * Ends every child that still runs, by force those that take too long: npm goes on for minutes where the
   * network is down.
   */
  async stop() {
    const ends = [...this.#running].map(async (child) => {
      if (!child.pid) return;
      const ended = once(child, 'close');
      send(-child.pid, 'SIGTERM');
      const force = setTimeout(send, PATIENCE_MS, -child.pid, 'SIGKILL');
      await ended;
      clearTimeout(force);
    });
    await Promise.all(ends);
  }
}

/** @param {number} pid of a process, or of a group's leader with a minus @param {NodeJS.Signals} signal */
function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended in the meantime
  }
}

/**
 * Ends the children that a killed set-up left running. Finds them by their environment, which Linux shows;
 * elsewhere they are left to finish by themselves.
 * @param {string} token of that set-up
 */
export async function endOrphans(token) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const orphans = listFolder('/proc').filter((pid) => /^\d+$/.test(pid) && isMarked(pid, token));
    if (orphans.length === 0) return;
    for (const pid of orphans) send(Number(pid), Date.now() < deadline ? 'SIGTERM' : 'SIGKILL');
    await sleep(PATIENCE_MS / 10);
  }
}

/** @param {string} pid @param {string} token */
function isMarked(pid, token) {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${MARK}=${token}`);
  } catch {
    return false; // ended, or of another user
  }
}
