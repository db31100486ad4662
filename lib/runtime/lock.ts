/**
 * A lock on a folder, or on a name in it, that outlives no holder: at most one process works on a run or a download, and a lock whose
 * holder died counts no more.
 *
 *     1. write a lock file of one's own (its name is unique)
 *     2. read all lock files; where another holder is alive, remove one's own and leave
 *
 * Of two that come at once, the one that writes second sees the first, so that two never hold it; both may leave, and try again.
 * A stale lock is removed by its unique name, so that nobody can remove a fresh one by mistake.
 *
 * A holder on this machine is alive while a process with its number and start time runs; the start time is counted from the start of
 * the machine, so that a number used again, or a clock set anew, deceives nobody. A holder elsewhere touches its file every few
 * seconds, and is taken for dead after a minute, by this process's own steady clock, without a change of the file.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeFolder, writeFileAtomic } from './atomicFile';

const BEAT_SECONDS = 10;
const FOREIGN_SECONDS = 60;

/** Who holds a lock. */
export interface Holder {
  pid: number;
  /** When the process started, in words of its system. */
  started: string;
  host: string;
}

/** A lock that is held. */
export interface Lock {
  /** Gives the lock back. */
  release(): void;
}

/** When the lock file of a holder elsewhere was first seen in its present state, in milliseconds of this process's steady clock. */
const firstSeen = new Map<string, { version: number; at: number }>();

/**
 * Takes the lock of `folder`, which is made where it does not exist; undefined where another holds it.
 *
 * @param name Which lock of the folder: what its files begin with. Default `lock`.
 * @throws StorageError
 */
export function tryLock(folder: string, name = 'lock'): Lock | undefined {
  makeFolder(folder);
  if (isLocked(folder, name)) return undefined;
  const file = `${name}-${randomUUID()}.json`;
  const path = join(folder, file);
  writeFileAtomic(path, JSON.stringify(self()));
  if (isLocked(folder, name, file)) {
    remove(path);
    return undefined;
  }
  const beat = setInterval(() => touch(path), BEAT_SECONDS * 1000);
  beat.unref();
  return {
    release() {
      clearInterval(beat);
      remove(path);
    },
  };
}

/** Whether somebody alive holds the lock `name` of `folder`, `except` one's own file. Removes stale locks. */
export function isLocked(folder: string, name = 'lock', except?: string): boolean {
  return lockFiles(folder, name).some((file) => {
    if (file === except) return false;
    const path = join(folder, file);
    const alive = isAlive(path);
    if (!alive) remove(path);
    return alive;
  });
}

function lockFiles(folder: string, name: string): string[] {
  try {
    const isLock = (file: string): boolean =>
      file.startsWith(`${name}-`) && /^[0-9a-f-]+\.json$/.test(file.slice(name.length + 1));
    return readdirSync(folder).filter(isLock);
  } catch {
    return [];
  }
}

/** A lock file that cannot be removed, in a folder that became read-only, is stale all the same. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It is passed over again next time.
  }
}

function isAlive(path: string): boolean {
  let holder: Partial<Holder> | null;
  let version: number;
  try {
    holder = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder> | null;
    version = statSync(path).mtimeMs;
  } catch {
    return false; // released meanwhile, or damaged: lock files appear whole
  }
  if (typeof holder?.host !== 'string' || typeof holder.pid !== 'number') return false;
  if (holder.host === self().host) return startOf(holder.pid) === holder.started;
  const now = performance.now();
  const seen = firstSeen.get(path);
  if (seen?.version !== version) {
    firstSeen.set(path, { version, at: now });
    return true;
  }
  return now - seen.at < FOREIGN_SECONDS * 1000;
}

function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // The folder was removed by hand: nothing is left to protect.
  }
}

let present: Holder | undefined;

/** This process as a holder. */
function self(): Holder {
  present ??= { pid: process.pid, started: startOf(process.pid) ?? '', host: machineId() };
  return present;
}

/** This machine since its last start, as far as the system tells. */
function machineId(): string {
  try {
    return `${hostname()}/${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`;
  } catch {
    return hostname();
  }
}

/** When process `pid` of this machine started; undefined where there is none. */
export function startOf(pid: number): string | undefined {
  try {
    // Field 22 is the start in clock ticks since the machine's; field 2, in brackets, may hold blanks.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : fields[18];
  } catch {
    if (process.platform === 'linux') return undefined;
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}
