/**
 * Records whose names come from data: a column may be called `constructor`, which every object seems to have.
 */

/** What `record` itself has under `name`; undefined where it has nothing of its own there. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
