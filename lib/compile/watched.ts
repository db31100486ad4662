/**
 * Functions that call code of the user's own, by graphs that are compared with them again and again.
 *
 * What such code keeps in JavaScript beside tensors (a counter, a schedule, a weight that a callback sets)
 * would be frozen in a graph, and nothing would say so. So a call with a new signature is only taken for the
 * function after it was recorded twice, and later calls are recorded, too, to see if it still is the same:
 *
 *   call 1, 2       run op by op, each once, and are recorded. Are both records equal, their graph is opened
 *   later calls     run the graph
 *   from time to    run op by op once more, recorded: where the record equals the graph, the call is taken
 *   time            back, and the graph gives its numbers, so that these never depend on when that was
 *   a difference    ends it: the function runs as it is from then on, beginning with that very call
 *
 * So a function that is refused did all its calls as without graphs, each of them once.
 */
import { isTracing } from '../core/recording';
import * as tf from '../core/tf';
import { CompileError } from './graph/error';
import { callOwned } from './graph/owned';
import { KEEP_IN_VARIABLE, Program, signatureOf } from './graph/program';
import { type RunSeed, runSeeds } from './graph/seeds';
import { traceCall } from './graph/trace';
import { type TensorTree, tensorsOf } from './graph/tree';

/** New calls of fit are compared, and so many new epochs, whatever it costs. */
const FIRST_EPOCHS = 3;

/** So many times the duration of a comparison must have passed before the next one. */
const PAUSE = { betweenEpochs: 4, within: 20 } as const;

/** What is known of a graph and of its comparisons with the function. */
interface Watched<R> {
  readonly program: Program<R>;
  /** Whether a second record was equal to it. */
  confirmed: boolean;
  /** When it was compared last, and how long that took, in ms. */
  comparedAt: number;
  duration: number;
  moment: Moment;
  epochs: number;
  runsSince: number;
}

/** A call of fit, and how many of its epochs are over. */
export interface Moment {
  fit: unknown;
  epochs: number;
}

/** How a function is watched. */
export interface WatchOptions {
  /** Where what this returns is something else than before, JavaScript of the user's has run. */
  moment: () => Moment;
  maxSignatures: number;
  /** Gets the reason why the function runs as it is from now on. */
  onRefusal: (error: Error) => void;
}

/** A function that runs as a graph as long as its records are equal. */
export class WatchedFunction<A extends TensorTree[], R> {
  #watched: Watched<R>[] = [];
  #refused = false;
  readonly #drawSeed = runSeeds();

  constructor(
    private readonly fn: (...args: A) => R,
    private readonly options: WatchOptions,
  ) {}

  call(args: A): R {
    if (this.#refused || isTracing() || tf.engine().state.gradientDepth > 0) return callOwned(this.fn, args);
    const signature = signatureOf(args);
    const tensors = tensorsOf(args);
    this.#dropStale();
    const known = this.#watched.find(({ program }) => program.isFor(signature, tensors));
    if (known === undefined && this.#watched.length >= this.options.maxSignatures)
      return callOwned(this.fn, args);
    if (known === undefined || !known.confirmed || this.#isDue(known))
      return this.#compare(signature, args, tensors, known);
    known.runsSince++;
    return known.program.run(tensors, this.#drawSeed);
  }

  dispose(): void {
    for (const { program } of this.#watched) program.dispose();
    this.#watched = [];
  }

  #dropStale(): void {
    for (const { program } of this.#watched) if (program.isStale()) program.dispose();
    this.#watched = this.#watched.filter(({ program }) => !program.isStale());
  }

  #isDue(one: Watched<R>): boolean {
    const idle = performance.now() - one.comparedAt;
    const moment = this.options.moment();
    const { fit, epochs } = one.moment;
    one.moment = moment;
    if (moment.fit !== fit) return true;
    if (moment.epochs === epochs) return idle > PAUSE.within * one.duration;
    one.epochs++;
    return one.epochs <= FIRST_EPOCHS || idle > PAUSE.betweenEpochs * one.duration;
  }

  /** A call op by op, whose record is compared with what is known. */
  #compare(signature: string, args: A, tensors: tf.Tensor[], known: Watched<R> | undefined): R {
    const start = performance.now();
    let seed: RunSeed | undefined;
    const drawSeed = (): RunSeed => {
      seed ??= this.#drawSeed();
      return seed;
    };
    return traceCall(this.fn, args, drawSeed, ({ result, record, refusal }) => {
      if (record === undefined) {
        this.#refuse(refusal as CompileError);
        return result;
      }
      // The first step of an optimizer of tf.train makes its variables: the next call does other work.
      if (record.created.length > 0) return result;
      const program = new Program(signature, tensors, record);
      if (known === undefined) {
        const none = { comparedAt: 0, duration: 0, runsSince: 0, epochs: 0 };
        this.#watched.push({ program, confirmed: false, moment: this.options.moment(), ...none });
        return result;
      }
      const difference = program.differenceFrom(known.program);
      if (difference !== undefined) {
        this.#refuse(
          new CompileError(`What it computes ${sinceWhen(known)}: ${difference}. ${KEEP_IN_VARIABLE}`),
        );
        return result;
      }
      const isNew = !known.confirmed;
      if (isNew && !this.#opens(known.program)) return result;
      if (!isNew) record.undo();
      known.confirmed = true;
      known.runsSince = 0;
      known.comparedAt = performance.now();
      known.duration = known.comparedAt - start;
      return isNew ? result : known.program.run(tensors, drawSeed);
    });
  }

  #opens(program: Program<R>): boolean {
    try {
      program.open();
      return true;
    } catch (error) {
      this.#refuse(error as Error);
      return false;
    }
  }

  #refuse(error: Error): void {
    this.#refused = true;
    this.dispose();
    this.options.onRefusal(error);
  }
}

/** In words, when the function became another one. */
function sinceWhen({ confirmed, runsSince }: Watched<unknown>): string {
  if (!confirmed || runsSince === 0) return 'changes from one call to the next';
  const steps = `${runsSince} ${runsSince === 1 ? 'step' : 'steps'}`;
  return `has changed during the last ${steps}, of which some may have computed as before`;
}
