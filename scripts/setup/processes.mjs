/** Child processes of the set-up: their output is kept and shown only where they fail, and none outlives the set-up. */
import { spawn } from 'node:child_process';

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
  #onChange;

  /** @param {(running: RunningProcess[]) => void} [onChange] told whenever a child starts or ends */
  constructor(onChange = () => {}) {
    this.#onChange = onChange;
  }

  /**
   * Runs a program to its end. Never rejects: look at `code`.
   * @param {string} command
   * @param {string[]} args
   * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
   * @returns {Promise<Result>}
   */
  run(command, args, options) {
    return new Promise((resolve) => {
      const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      const finish = (/** @type {Result} */ result) => {
        this.#running.delete(child);
        this.#report();
        resolve(result);
      };
      child.stdout.on('data', (data) => {
        output += data;
      });
      child.stderr.on('data', (data) => {
        output += data;
      });
      child.on('error', (error) => finish({ code: 127, signal: null, output: `${output}${error.message}` }));
      child.on('close', (code, signal) => finish({ code: code ?? 1, signal, output }));
      this.#running.add(child);
      this.#report();
    });
  }

  /** Ends every child that still runs. */
  stop() {
    for (const child of this.#running) child.kill('SIGTERM');
  }

  #report() {
    const children = [...this.#running].flatMap(({ pid, spawnargs }) => (pid ? [{ pid, command: spawnargs.join(' ') }] : []));
    this.#onChange(children);
  }
}

/** @typedef {{ pid: number, command: string }} RunningProcess */
