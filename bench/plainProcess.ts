/**
 * A program in stock TensorFlow.js, in a process of its own: the other side of a benchmark. It answers each
 * message with one.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

export class PlainProcess {
  readonly #child: ChildProcess;
  #fail: (error: Error) => void = () => undefined;

  /**
   * @param script Its file in this folder.
   * @param oneDNN Whether it has TensorFlow's oneDNN kernels, which this library switches on. Default: as
   * TensorFlow.js comes.
   */
  constructor(script: string, oneDNN = false) {
    const env = {
      ...process.env,
      TF_CPP_MIN_LOG_LEVEL: '3',
      TF_ENABLE_ONEDNN_OPTS: oneDNN ? '1' : undefined,
    };
    this.#child = fork(join(__dirname, script), {
      serialization: 'advanced',
      env,
      execArgv: [],
      silent: true,
    });
    this.#child.stderr?.pipe(process.stderr);
    this.#child.once('error', (error) => this.#fail(error));
    this.#child.once('exit', (code) =>
      this.#fail(new Error(`The process of ${script} ended with code ${code}.`)),
    );
  }

  /** Sends a message and waits for the answer. */
  ask<T>(message: object): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#child.once('message', (reply) => resolve(reply as T));
      this.#child.send(message);
    });
  }

  stop(): void {
    this.#child.kill();
  }
}
