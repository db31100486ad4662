/** Which of several names was meant by one that is none of them. */

/** The name that was probably meant: the initials `lr` of learningRate, or a few letters wrong. */
export function closest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string): string => text.replace(/[^a-zA-Z0-9]/g, '').toLowerCase();
  const initials = (text: string): string => text[0] + text.replace(/[^A-Z]/g, '').toLowerCase();
  const wanted = plain(name).slice(0, 40);
  const short = known.find(
    (one) => plain(one) === wanted || (initials(one).length > 1 && initials(one) === wanted),
  );
  if (short !== undefined) return short;
  const [best] = known
    .map((one) => {
      const its = plain(one);
      const begins = wanted.length > 2 && (its.startsWith(wanted) || wanted.startsWith(its));
      const shuffled = [...its].sort().join() === [...wanted].sort().join();
      return {
        one,
        letters: begins || shuffled ? 1 : distance(wanted, its),
        most: Math.max(wanted.length, its.length) / 3,
      };
    })
    .filter(({ letters, most }) => letters <= most)
    .sort((a, b) => a.letters - b.letters);
  return best?.one;
}

/** Letters to insert, remove or replace between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}
