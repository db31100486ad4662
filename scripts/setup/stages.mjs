/**
 * The set-up as a graph of stages: each says whether it is current and how to become so; those that can, run
 * side by side.
 */
import os from 'node:os';
import { nativeAddon } from './addon.mjs';
import { isFile } from './files.mjs';
import { notebookKernel } from './kernel.mjs';
import { library } from './library.mjs';
import { takeLock } from './lock.mjs';
import { npmPackages } from './npm.mjs';
import { patches } from './patches.mjs';
import { Processes } from './processes.mjs';
import { projectAt } from './project.mjs';
import { jupyterLab, pythonEnvironment } from './python.mjs';
import { ray } from './ray.mjs';
import { SetupError, secondsSince } from './report.mjs';
import { checkPlatform, findCompiler, findPython } from './requirements.mjs';
import { tensorflow } from './tensorflow.mjs';

/**
 * @typedef {object} Options
 * @property {boolean} [cuda] true: TensorFlow with CUDA; false: for CPU; left out: as installed, else by what
 * the machine has
 * @property {boolean} [ray] true: Ray, too
 * @property {boolean} [force] runs every stage, current or not
 * @property {boolean} [quiet] one line where all is current
 */

/** @typedef {{ project: import('./project.mjs').Project, processes: Processes, options: Options }} Context */

/**
 * @typedef {object} Stage
 * @property {string} name
 * @property {string[]} after names of the stages that have to be current first
 * @property {(context: Context) => boolean} isCurrent quick: the whole set-up is checked in a fraction of a
 * second
 * @property {(context: Context) => Promise<string | void>} run makes it current, also out of a damaged or
 * half-done state; may say how
 */

/** In an order in which each follows those it needs. */
const STAGES = [
  npmPackages,
  patches,
  pythonEnvironment,
  tensorflow,
  nativeAddon,
  jupyterLab,
  ray,
  notebookKernel,
  library,
];

/**
 * Sets the project up, or finds that it is.
 * @param {Options} [options]
 * @throws {SetupError} where something is missing; the message says what to do
 */
export async function setUp(options = {}) {
  const start = performance.now();
  const project = projectAt();
  if (!options.force && isSetUp(project, options)) {
    if (!options.quiet) for (const { name } of STAGES) console.log(`  ${name}: up to date`);
    console.log(`Set-up: everything is up to date (${secondsSince(start)}).`);
    return;
  }
  const cores = `${os.availableParallelism()} ${os.availableParallelism() === 1 ? 'core' : 'cores'}`;
  console.log(`Setting up (Node.js ${process.versions.node}, ${process.platform}-${process.arch}, ${cores})`);
  const lock = await takeLock(project.lock, {
    onWait: (pid) => console.log(`  waiting for another set-up (process ${pid}) to finish`),
  });
  const processes = new Processes(lock.token);
  const stopListening = onInterrupt(async () => {
    console.error('\nThe set-up was interrupted. Run it again to go on from here.');
    await processes.stop();
    lock.release();
  });
  try {
    checkRequirements(project);
    await runStages({ project, processes, options });
  } finally {
    stopListening();
    lock.release();
  }
  console.log(`Ready in ${secondsSince(start)}.`);
}

/**
 * Whether there is nothing to do. @param {import('./project.mjs').Project} project @param {Options} [options]
 */
export function isSetUp(project, options = {}) {
  const context = { project, options, processes: new Processes() };
  return STAGES.every((stage) => stage.isCurrent(context));
}

/** Fails before the long downloads, not after. @param {import('./project.mjs').Project} project */
function checkRequirements(project) {
  checkPlatform();
  if (!isFile(project.python)) findPython();
  if (!nativeAddon.isCurrent({ project, options: {}, processes: new Processes() })) findCompiler();
}

/**
 * Runs what is not current, each stage as soon as those before it are. The first failure ends the others.
 * @param {Context} context
 */
async function runStages(context) {
  /** @type {Map<string, Promise<void>>} */
  const started = new Map();
  /** @type {unknown[]} */
  const failures = [];
  for (const stage of STAGES) {
    const work = async () => {
      await Promise.all(stage.after.map((name) => started.get(name)));
      if (failures.length === 0) await runStage(stage, context);
    };
    started.set(
      stage.name,
      work().catch((error) => {
        failures.push(error);
        context.processes.stop();
      }),
    );
  }
  await Promise.all(started.values());
  if (failures.length) throw failures[0]; // the later ones follow from it
}

/** @param {Stage} stage @param {Context} context */
async function runStage(stage, context) {
  const start = performance.now();
  if (!context.options.force && stage.isCurrent(context)) {
    console.log(`  ${stage.name}: up to date`);
    return;
  }
  console.log(`  ${stage.name}: started`);
  const how = await stage.run(context);
  console.log(`  ${stage.name}: done in ${secondsSince(start)}${how ? `, ${how}` : ''}`);
}

/**
 * Calls `stop` and exits where the terminal or the system ends the process.
 * @param {() => Promise<void>} stop
 * @returns {() => void} removes the listeners
 */
function onInterrupt(stop) {
  const numbers = os.constants.signals;
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
  const listener = async (/** @type {'SIGINT' | 'SIGTERM' | 'SIGHUP'} */ signal) => {
    await stop();
    process.exit(128 + numbers[signal]);
  };
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}

/**
 * Runs the set-up for a command; prints the remedy and ends the process where it fails. @param {Options}
 * [options]
 */
export async function setUpOrExit(options = {}) {
  try {
    await setUp(options);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`\nThe set-up failed. ${error.describe()}`);
    process.exit(1);
  }
}
