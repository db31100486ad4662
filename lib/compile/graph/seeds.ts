/** Seeds of runs, from Math.random where none is given, also while that is guarded. */
import { Random } from '../../core/random';

/** Seed of the random numbers of one run: two whole numbers. */
export type RunSeed = [number, number];

/** Math.random while it is guarded. */
let unguarded: (() => number) | undefined;

/** Until the returned function is called, Math.random calls `warn` before each draw. */
export function guardRandom(warn: () => void): () => void {
  const stock = Math.random;
  unguarded = stock;
  Math.random = () => {
    warn();
    return stock();
  };
  return () => {
    Math.random = stock;
    unguarded = undefined;
  };
}

/**
 * Seeds for one run after the other: from `seed`, or from one that Math.random gives at the first use, so
 * that a function that draws nothing leaves the draws of others, such as shuffles, as they are.
 */
export function runSeeds(seed?: number): () => RunSeed {
  let random: Random | undefined;
  return () => {
    random ??= new Random(seed ?? Math.floor((unguarded ?? Math.random)() * 2 ** 31), 'compile');
    return [random.seed(), random.seed()];
  };
}
