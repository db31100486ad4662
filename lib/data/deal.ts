/**
 * Deals samples out into disjoint parts, at random or with equal class proportions.
 */

/**
 * Whole numbers that add up to `total` and are closest to `total * shares` (largest remainders get the rest).
 */
export function apportion(total: number, shares: readonly number[]): number[] {
  // A share such as 640 / 1797 times 1797 must not fall just below 640.
  const exact = shares.map((share) => Math.round(share * total * 1e6) / 1e6);
  const sizes = exact.map(Math.floor);
  const byRemainder = [...exact.keys()].sort((a, b) => exact[b] - sizes[b] - (exact[a] - sizes[a]) || a - b);
  let rest = total - sizes.reduce((sum, size) => sum + size, 0);
  for (const part of byRemainder) {
    if (rest-- <= 0) break;
    sizes[part]++;
  }
  return sizes;
}

/**
 * Deals the indices in `order` out into parts of the given sizes. Each part keeps the order.
 *
 * @param order Every index once, usually a random permutation.
 * @param sizes Sizes of the parts; they add up to `order.length`.
 * @param labels Class by index: each part then gets the class proportions of the whole, to within about one
 * sample per class.
 */
export function deal(order: Int32Array, sizes: readonly number[], labels?: ArrayLike<number>): Int32Array[] {
  const partOfRank = labels === undefined ? consecutive(sizes) : spread(order, sizes, labels);
  const parts = sizes.map((size) => new Int32Array(size));
  const dealt = sizes.map(() => 0);
  order.forEach((index, rank) => {
    const part = partOfRank[rank];
    parts[part][dealt[part]++] = index;
  });
  return parts;
}

function consecutive(sizes: readonly number[]): number[] {
  return sizes.flatMap((size, part) => new Array<number>(size).fill(part));
}

/** Goes through the samples class by class and gives each to the part that is furthest behind its share. */
function spread(order: Int32Array, sizes: readonly number[], labels: ArrayLike<number>): Int32Array {
  const ranks = Array.from(order.keys()).sort((a, b) => labels[order[a]] - labels[order[b]] || a - b);
  const partOfRank = new Int32Array(order.length);
  const dealt = sizes.map(() => 0);
  ranks.forEach((rank, count) => {
    let behind = -1;
    let largest = Number.NEGATIVE_INFINITY;
    sizes.forEach((size, part) => {
      const deficit = (size * (count + 1)) / order.length - dealt[part];
      if (dealt[part] < size && deficit > largest) {
        behind = part;
        largest = deficit;
      }
    });
    dealt[behind]++;
    partOfRank[rank] = behind;
  });
  return partOfRank;
}
