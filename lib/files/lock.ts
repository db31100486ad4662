/**
 * A lock on a folder, or on a name in it, that outlives no holder: at most one process works on a run or a
 * download, and a lock whose holder died counts no more.
 *
 *     1. write a lock file of one's own (its name is unique)
 *     2. read all lock files; if another holder is alive, remove one's own and leave
 *
 * Of two that come at once, the one that writes second sees the first, so that two never hold it; both may
 * leave, and try again.
 * A stale lock is removed by its unique name, so that nobody can remove a fresh one by mistake.
 *
 * A holder on this machine is alive while a process with its number and start time runs; the start time is
 * counted from the start of the machine, so that a number used again, or a clock set anew, deceives nobody. A
 * holder elsewhere (on another machine, or in another container) touches its file every few seconds, from a
 * thread of its own, because one step of a large network may keep the main thread for longer than a minute.
 * It is taken for dead after a minute, by this process's own steady clock, without a change of the file. A
 * holder that was taken for dead all the same, because its machine slept or lost the shared folder, learns so
 * from its file, which is gone.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { makeFolder, writeFileAtomic } from './atomicFile';
import { readRegularFile } from './regularFile';

const BEAT_SECONDS = 10;
const FOREIGN_SECONDS = 60;
/** Bytes of a lock file at most: a larger one is no lock. */
const LARGEST_HOLDER = 1 << 16;

/** Who holds a lock. */
export interface Holder {
  pid: number;
  /** When the process started, in words of its system. */
  started: string;
  host: string;
}

/** A lock that is held. */
export interface Lock {
  /** Aborted if the lock was lost: others may hold it now. */
  readonly lost: AbortSignal;
  /** Gives the lock back. */
  release(): void;
}

/** When the lock file of a holder elsewhere was first seen as it is now, on this process's steady clock. */
const firstSeen = new Map<string, { version: number; at: number }>();

/**
 * Takes the lock of `folder`, which is made if it does not exist; undefined if another holds it.
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
  const lost = new AbortController();
  keepAlive(path, lost);
  return {
    lost: lost.signal,
    release() {
      letGo(path);
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
    holder = JSON.parse(readRegularFile(path, LARGEST_HOLDER).toString('utf8')) as Partial<Holder> | null;
    version = statSync(path).mtimeMs;
  } catch {
    return false; // released meanwhile, or damaged: lock files appear whole
  }
  // A holder without a number or a start could never be found dead.
  if (typeof holder?.host !== 'string' || !Number.isSafeInteger(holder.pid) || holder.pid! < 1) return false;
  if (typeof holder.started !== 'string' || holder.started === '') return false;
  if (holder.host === self().host) return startOf(holder.pid!) === holder.started;
  const now = performance.now();
  const seen = firstSeen.get(path);
  if (seen?.version !== version) {
    firstSeen.set(path, { version, at: now });
    return true;
  }
  return now - seen.at < FOREIGN_SECONDS * 1000;
}

/** Locks of this process, by the path of their files. */
const held = new Map<string, AbortController>();
/** The thread that touches them. It stays for the next lock. */
let beat: Worker | undefined;

function keepAlive(path: string, lost: AbortController): void {
  held.set(path, lost);
  if (beat === undefined) {
    beat = new Worker(join(__dirname, 'beat.js'), { workerData: { seconds: BEAT_SECONDS } });
    beat.on('message', (gone: string) => held.get(gone)?.abort());
    beat.unref();
  }
  beat.postMessage({ path, held: true });
}

function letGo(path: string): void {
  held.delete(path);
  beat?.postMessage({ path, held: false });
}

let present: Holder | undefined;

/** This process as a holder. */
function self(): Holder {
  present ??= { pid: process.pid, started: startOf(process.pid) ?? '', host: machineId() };
  return present;
}

/** This machine since its last start, and the part of it whose process numbers are known here. */
function machineId(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${hostname()}/${boot}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** When process `pid` of this machine started; undefined if there is none. */
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
