/**
 * A memory of fixed size that is at any time a uniform random sample of all it was offered.
 *
 *     the n-th item (n = 1, 2, ...):  n <= capacity: keep it
 *                                     else: j = whole number from [0, n); j < capacity: it replaces item j
 *
 * So each of n items is kept with probability capacity / n.
 *
 * Vitter, "Random sampling with a reservoir", ACM TOMS 11, 37 (1985), algorithm R. As the memory of
 * experience replay: Chaudhry et al., "On tiny episodic memories in continual learning", 2019,
 * arXiv:1902.10486.
 */
import { checkNumber } from '../core/errors';
import { Random, type RandomState } from '../core/random';

/**
 * Items of the largest memory that is drawn from by a permutation of the whole, which gives the draws of
 * earlier versions.
 */
const PERMUTED = 4096;

/** Saved state of a `Reservoir`; plain JSON where its items are. */
export interface ReservoirState<T> {
  /** The items kept. */
  items: T[];
  /** Items offered so far. */
  seen: number;
  /** The state of the random numbers that decide what is kept. */
  random: RandomState;
}

/** A uniform sample of a stream. */
export class Reservoir<T> {
  /** Most items that it keeps. */
  readonly capacity: number;
  #items: T[] = [];
  #seen = 0;
  readonly #random: Random;

  /**
   * @param capacity A whole number, at least 1.
   * @param seed A whole number. Default 0.
   * @throws OptionError
   */
  constructor(capacity: number, seed = 0) {
    this.capacity = checkNumber('capacity', capacity, { min: 1, integer: true });
    this.#random = new Random(seed, 'reservoir');
  }

  /** The items kept, in no particular order. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** Items offered so far. */
  get seen(): number {
    return this.#seen;
  }

  /** Offers an item. */
  add(item: T): void {
    const place = this.#seen < this.capacity ? this.#seen : this.#random.int(this.#seen + 1);
    if (place < this.capacity) this.#items[place] = item;
    this.#seen++;
  }

  /** `count` different items at random; all where there are fewer. */
  draw(count: number, random: Random): T[] {
    const { length } = this.#items;
    if (length <= PERMUTED)
      return Array.from(random.permutation(length).subarray(0, count), (i) => this.#items[i]);
    // The first steps of a shuffle, of whose array only the places that changed are kept.
    const moved = new Map<number, number>();
    return Array.from({ length: Math.min(count, length) }, (_, place) => {
      const other = place + random.int(length - place);
      const drawn = moved.get(other) ?? other;
      moved.set(other, moved.get(place) ?? place);
      return this.#items[drawn];
    });
  }

  /** A copy of the state. */
  save(): ReservoirState<T> {
    return { items: [...this.#items], seen: this.#seen, random: this.#random.save() };
  }

  /** Goes on where `state` was saved. */
  restore({ items, seen, random }: ReservoirState<T>): void {
    this.#items = [...items];
    this.#seen = seen;
    this.#random.restore(random);
  }
}
