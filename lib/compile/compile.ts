/**
 * `compile(fn)`: tf.js code as one TensorFlow graph. What tf.function and jax.jit are for their libraries.
 *
 *   first call of a signature:  fn runs as it is, op by op, and is recorded (graph/trace.ts); with
 *                                makesNoVariables it is only recorded
 *   later calls:                one native call runs the graph; fn itself is not called any more
 *
 * The graph runs without JavaScript between the ops, ops that do not depend on each other run in parallel,
 * buffers are reused, equal sub-expressions are computed once. A training step of a small network becomes 5
 * to 10 times faster.
 */
import './install';
import { batchNormState, withBatchNormUpdates } from '../core/batchNorm';
import { OptionError } from '../core/errors';
import {
  callback,
  checkOptions,
  either,
  flag,
  type OptionsOf,
  type SettingsOf,
  text,
  whole,
} from '../core/options';
import { isTracing } from '../core/recording';
import * as tf from '../core/tf';
import { isNative } from './backend';
import { CompileError } from './graph/error';
import { callOwned } from './graph/owned';
import { type CompiledGraph, KEEP_IN_VARIABLE, Program, signatureOf } from './graph/program';
import { type RunSeed, runSeeds } from './graph/seeds';
import { callSeeded, trace } from './graph/trace';
import { type TensorTree, tensorsOf } from './graph/tree';

export { CompileError } from './graph/error';
export type { CompiledGraph } from './graph/program';

const OPTIONS = {
  /** Name for messages and warnings. Default: the name of the function. */
  name: text(),
  /**
   * Runs the original function at each call, with the same random numbers. Default: whether the environment
   * variable LB_EAGER is 1.
   */
  eager: flag(),
  /**
   * How many signatures (shapes and dtypes of the arguments) and states are compiled; calls with others run
   * the original function. Whole number >= 1. Default 8.
   */
  maxSignatures: whole({ min: 1 }, 8),
  /**
   * Seed of the random numbers drawn inside of the compiled function, a whole number: one for the function,
   * whose runs then draw one after the other; or a function that is called before each run and returns the
   * seed of that run, so that a run can be repeated. Default: a different one in each process.
   */
  seed: either(whole(), callback<() => number>()),
  /**
   * Promises that the function makes no tf.Variable, not even at its first call. That call then need not run
   * op by op: it is only recorded, and the graph does the work. For deep networks this saves most of the
   * first call; and as op by op the last bits may differ from the graph's, a training then does not depend on
   * when its step was compiled. Default false.
   */
  makesNoVariables: flag(false),
};

/** Options of `compile`. */
export type CompileOptions = OptionsOf<typeof OPTIONS>;

/** A compiled function: called as the original one. */
export interface Compiled<A extends TensorTree[], R> {
  (...args: A): R;
  /** The compiled graphs, one for each signature and each state of JavaScript so far. */
  readonly graphs: readonly CompiledGraph[];
  /**
   * The graph of the last call. Undefined before the first compiled call and where the function runs eagerly.
   */
  readonly graph: CompiledGraph | undefined;
  /** The same for humans. */
  explain(): string;
  /**
   * Frees the graphs. Later calls throw a CompileError. The native sessions of small graphs stay for a while,
   * about 100 MB for all functions together: the same training with another seed goes on with them.
   */
  dispose(): void;
}

/**
 * Compiles a function of tensors.
 *
 * `fn` takes and returns tensors, or arrays and plain records of tensors, or nothing. It may read and assign
 * tf.Variables, make them at its first call, use layers, optimizers, tf.variableGrads, tf.customGrad,
 * tf.tidy, random ops and other compiled functions. The caller owns the returned tensors; whatever else `fn`
 * makes is disposed.
 *
 * What is not a tensor operation happens once, in the traced call: JavaScript numbers, conditions, loops and
 * counters are then fixed. So pass what changes as an argument, or keep it in a variable. Known state is
 * followed: `trainable` of layers and variables, numbers and flags of layers (`rate`), numbers of tf.js's
 * optimizers (their learning rate) and which variables are passed as arguments: where they change, the
 * function is traced anew. The optimizers' counters go on. What would silently freeze and can be seen is
 * refused with a CompileError: reading values (`dataSync`, `array`, `print`), `Math.random`,
 * `tf.randomGamma`, ops with value-dependent shapes, promises, stateful layers, tensors that are kept for
 * later calls. tf.randomNormal, tf.randomUniform, tf.truncatedNormal, tf.dropout and tf.multinomial draw
 * afresh at each run, unless they are given a seed. (An ES module must write `import tf from` for that:
 * `import * as tf` copies these functions, and the copies are refused.)
 *
 * Inside of tf.grad and its kin, inside of another compiled function, and on other backends than the native
 * one, the original function is called.
 *
 * @param fn The function.
 * @param options See CompileOptions.
 */
export function compile<A extends TensorTree[], R>(
  fn: (...args: A) => R,
  options: CompileOptions = {},
): Compiled<A, R> {
  if (typeof fn !== 'function') throw new OptionError('fn', fn, 'a function of tensors');
  return callable(new Signatures(fn, checkOptions('compile', OPTIONS, options)));
}

/**
 * `compile` of a function that calls code of the user's own, with `makesNoVariables`: each call that is
 * recorded is recorded twice, and refused where the records differ. What code keeps in JavaScript from call
 * to call would be frozen in a graph.
 */
export function compileCompared<A extends TensorTree[], R>(
  fn: (...args: A) => R,
  options: CompileOptions,
): Compiled<A, R> {
  return callable(new Signatures(fn, checkOptions('compile', OPTIONS, options), true));
}

function callable<A extends TensorTree[], R>(compiled: Signatures<A, R>): Compiled<A, R> {
  const call = (...args: A): R => compiled.call(args);
  return Object.defineProperties(call, {
    name: { value: compiled.name },
    graphs: { get: () => compiled.graphs },
    graph: { get: () => compiled.graph },
    explain: { value: () => compiled.explain() },
    dispose: { value: () => compiled.dispose() },
  }) as Compiled<A, R>;
}

class Signatures<A extends TensorTree[], R> {
  readonly name: string;
  readonly #fn: (...args: A) => R;
  readonly #eager: boolean;
  readonly #maxSignatures: number;
  readonly #drawSeed: () => RunSeed;
  readonly #makesNoVariables: boolean;
  /** One for each signature, and for each state of JavaScript that it was recorded in. */
  #programs: Program<R>[] = [];
  #last: Program<R> | undefined;
  #createdVariables = false;
  #overflowReported = false;
  #disposed = false;

  constructor(
    fn: (...args: A) => R,
    options: SettingsOf<typeof OPTIONS>,
    private readonly recordsTwice = false,
  ) {
    const { name = fn.name || 'function', eager = globalThis.process?.env.LB_EAGER === '1', seed } = options;
    this.name = name;
    this.#fn = fn;
    this.#eager = eager;
    this.#makesNoVariables = options.makesNoVariables;
    this.#maxSignatures = options.maxSignatures;
    this.#drawSeed = typeof seed === 'function' ? () => runSeeds(seed())() : runSeeds(seed);
  }

  get graph(): CompiledGraph | undefined {
    return this.#last?.description;
  }

  get graphs(): CompiledGraph[] {
    return this.#programs.map((program) => program.description);
  }

  call(args: A): R {
    if (this.#disposed) throw new CompileError(`${this.name} was disposed.`);
    const tensors = checkedTensors(this.name, args);
    // A tape must see the ops themselves, and so must the trace of an outer function.
    if (!isNative() || isTracing() || tf.engine().state.gradientDepth > 0) return callOwned(this.#fn, args);
    if (this.#eager) return callSeeded(this.#fn, args, this.#drawSeed);
    const signature = signatureOf(args);
    this.#dropStale();
    const program = this.#programs.find((one) => one.isFor(signature, tensors));
    if (program !== undefined) {
      this.#last = program;
      return program.run(tensors, this.#drawSeed);
    }
    if (this.#programs.length >= this.#maxSignatures) {
      this.#reportOverflow(signature);
      return callSeeded(this.#fn, args, this.#drawSeed);
    }
    return this.#makesNoVariables
      ? this.#record(signature, args).run(tensors, this.#drawSeed)
      : this.#trace(signature, args);
  }

  #dropStale(): void {
    if (!this.#programs.some((program) => program.isStale())) return;
    for (const program of this.#programs) if (program.isStale()) program.dispose();
    this.#programs = this.#programs.filter((program) => !program.isStale());
  }

  /**
   * The function in a scope of its own, with the updates of the scope around it: what that remembers of
   * BatchNorm layers between their calls ends with the call, as it does where the recorded call is run.
   */
  readonly #ownScope = (...args: A): R =>
    withBatchNormUpdates(batchNormState().updateCount, () => this.#fn(...args));

  #record(signature: string, args: A): Program<R> {
    const program = this.#recordOnly(signature, args);
    const difference = this.recordsTwice
      ? this.#recordOnly(signature, args).differenceFrom(program)
      : undefined;
    if (difference !== undefined) {
      throw new CompileError(
        `${this.name} cannot be compiled: what it computes changes from one call to the next: ` +
          `${difference}. ${KEEP_IN_VARIABLE} Or run it without compiling (eager: true).`,
      );
    }
    return this.#keep(program);
  }

  /** Records a call without executing it. */
  #recordOnly(signature: string, args: A): Program<R> {
    return trace(this.#ownScope, args, { drawRunSeed: () => [0, 0], recordOnly: true }, (traced) => {
      if (traced.created.length > 0) {
        throw new CompileError(
          `${this.name} makes a tf.Variable ("${traced.created[0].name}"), though makesNoVariables ` +
            'promised that it does not. Make it before the first call (an optimizer makes its own in ' +
            'makeSlots), or leave the option out.',
        );
      }
      return new Program(signature, tensorsOf(args), traced);
    });
  }

  /** Executes a call op by op and records it. */
  #trace(signature: string, args: A): R {
    return trace(this.#ownScope, args, { drawRunSeed: this.#drawSeed }, (traced) => {
      if (traced.created.length === 0) {
        this.#createdVariables = false;
        this.#keep(new Program(signature, tensorsOf(args), traced));
      } else if (this.#createdVariables) {
        const [{ name }] = traced.created;
        throw new CompileError(
          `${this.name} makes a tf.Variable at every call ("${name}"). Make it once and keep it.`,
        );
      } else {
        // The variables exist now, so the next call takes the way that all later ones take. That is the one
        // to record.
        this.#createdVariables = true;
      }
      return traced.result;
    });
  }

  #keep(program: Program<R>): Program<R> {
    program.openForGood();
    this.#programs.push(program);
    this.#last = program;
    this.#reportLargeConstants(program.description.largeConstants);
    return program;
  }

  #reportLargeConstants(largeConstants: string[]): void {
    if (largeConstants.length === 0) return;
    process.emitWarning(
      `${this.name}: the compiled graph holds copies of large captured tensors ` +
        `(${largeConstants.join('; ')}). Pass them as arguments.`,
      'CompileWarning',
    );
  }

  #reportOverflow(signature: string): void {
    if (this.#overflowReported) return;
    this.#overflowReported = true;
    process.emitWarning(
      `${this.name} was compiled for ${this.#maxSignatures} signatures, and now gets another one ` +
        `(${signature}), which runs without compiling. Pad or drop ` +
        'smaller batches, or raise maxSignatures.',
      'CompileWarning',
    );
  }

  explain(): string {
    if (this.#eager) return `${this.name}: runs the original function (eager).`;
    if (this.#programs.length === 0) return `${this.name}: not called yet.`;
    return this.graphs.map((graph) => explainGraph(this.name, graph)).join('\n\n');
  }

  dispose(): void {
    for (const program of this.#programs) program.dispose();
    this.#programs = [];
    this.#last = undefined;
    this.#disposed = true;
  }
}

/** The tensors of the arguments. */
function checkedTensors(name: string, args: TensorTree[]): tf.Tensor[] {
  return args.flatMap((arg, i) => {
    const tensors = tensorsOf(arg, (what) => {
      const allowed = 'must be a tensor, or arrays and plain records of tensors';
      return new CompileError(
        `${name}: argument ${i} ${allowed}, but holds ${what}. Close ` +
          'over what never changes, or make it a tensor.',
      );
    });
    if (!tensors.some(({ isDisposed }) => isDisposed)) return tensors;
    throw new CompileError(`${name}: argument ${i} is a disposed tensor, or holds one.`);
  });
}

function explainGraph(name: string, graph: CompiledGraph): string {
  const list = (names: string[]) =>
    names.length === 0
      ? 'none'
      : `${names.length} (${names.slice(0, 6).join(', ')}${names.length > 6 ? ', ...' : ''})`;
  const ops = Object.entries(graph.ops)
    .slice(0, 12)
    .map(([op, count]) => `${op} ${count}`)
    .join(', ');
  return [
    `${name}(${graph.signature})`,
    `  ${graph.nodeCount} nodes: ${ops}`,
    `  reads variables: ${list(graph.reads)}`,
    `  assigns variables: ${list(graph.assigns)}`,
    `  random numbers: ${graph.random ? 'fresh at each run' : 'none'}`,
    `  captured constants: ${(graph.constantBytes / 1024).toFixed(1)} ` +
      `kB${graph.largeConstants.length > 0 ? `, large: ${graph.largeConstants.join('; ')}` : ''}`,
  ].join('\n');
}
