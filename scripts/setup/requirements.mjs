/**
 * What must be there before anything is downloaded: a platform with a recipe, disk space, Python and a C++
 * compiler.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { SetupError } from './report.mjs';
import { PYTHON_MINORS, TENSORFLOW } from './versions.mjs';

const GIGABYTE = 1e9;

/** Refuses systems for which there is no TensorFlow wheel. */
export function checkPlatform() {
  const system = `${process.platform}-${process.arch}`;
  if (!['linux-x64', 'linux-arm64', 'darwin-arm64'].includes(system)) {
    throw new SetupError(
      `There is no set-up for ${system}.`,
      process.platform === 'win32'
        ? 'use WSL 2 (https://learn.microsoft.com/windows/wsl/install) and run the set-up inside it.'
        : 'use Linux (x64 or arm64) or macOS on Apple silicon.',
    );
  }
  const header = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport())
    .header;
  if (process.platform === 'linux' && !header.glibcVersionRuntime) {
    throw new SetupError(
      'TensorFlow needs glibc, and this system uses another C library (Alpine Linux?).',
      'use Debian, Ubuntu or Fedora.',
    );
  }
}

/**
 * Refuses a disk that would fill up half way.
 * @param {string} folder
 * @param {number} gigabytes
 * @param {string} what
 */
export function checkDisk(folder, gigabytes, what) {
  const { bavail, bsize } = fs.statfsSync(folder);
  const free = (bavail * bsize) / GIGABYTE;
  if (free >= gigabytes) return;
  const other = folder === os.tmpdir() ? ', or set TMPDIR to a folder on another disk' : '';
  throw new SetupError(
    `${what} needs about ${gigabytes} GB of disk space in ${folder}, and ${free.toFixed(1)} GB are free.`,
    `free some space${other}.`,
  );
}

/** Whether an NVIDIA driver is loaded: on Linux, or from Windows in WSL 2. */
export function hasNvidiaDriver() {
  return ['/proc/driver/nvidia/version', '/usr/lib/wsl/lib/libcuda.so.1'].some((file) => fs.existsSync(file));
}

/**
 * The first Python that TensorFlow has wheels for: $PYTHON, python3, then the versions by name.
 * @returns {{ command: string, version: string }}
 */
export function findPython() {
  const { min, max } = PYTHON_MINORS;
  const byName = Array.from({ length: max - min + 1 }, (_, i) => `python3.${max - i}`);
  const unsuitable = [];
  for (const command of [process.env.PYTHON, 'python3', ...byName]) {
    if (!command) continue;
    const asked = spawnSync(command, ['-I', '-c', 'import sys; print(*sys.version_info[:2])'], {
      encoding: 'utf8',
    });
    if (asked.status !== 0) continue;
    const [major, minor] = asked.stdout.trim().split(' ').map(Number);
    if (major === 3 && minor >= min && minor <= max) return { command, version: `3.${minor}` };
    unsuitable.push(`${command} is ${major}.${minor}`);
  }
  throw new SetupError(
    unsuitable.length
      ? `TensorFlow ${TENSORFLOW} needs Python 3.${min} to 3.${max}, and ${unsuitable.join(', ')}.`
      : 'Python 3 was not found.',
    `install Python 3.${min} to 3.${max} (Debian, Ubuntu: apt install python3 python3-venv), or set ` +
      'PYTHON=/path/to/python3.12.',
  );
}

/** The first C++ compiler: $CXX, g++, clang++, c++. @returns {string} */
export function findCompiler() {
  for (const command of [process.env.CXX, 'g++', 'clang++', 'c++']) {
    if (command && spawnSync(command, ['--version']).status === 0) return command;
  }
  throw new SetupError(
    'No C++ compiler was found.',
    'install one (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select ' +
      '--install), or set CXX.',
  );
}

const OFFLINE =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|NameResolutionError|name resolution|NewConnectionError|ConnectTimeoutError|ReadTimeoutError|Network is unreachable|ProxyError|from versions: none/;

/**
 * Why a package manager failed, in words of what to do.
 * @param {string} output
 * @param {string} network how this package manager is told about proxies and registries
 * @param {string} otherwise
 */
export function downloadRemedy(output, network, otherwise) {
  if (/ENOSPC|No space left/.test(output)) return 'free some disk space, then run the set-up again.';
  if (/EACCES|EPERM|Permission denied/.test(output))
    return 'make the project folder and the package cache writable for your user.';
  if (/CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY/.test(output)) {
    return `tell it about your network's certificate authority (${network}).`;
  }
  return OFFLINE.test(output)
    ? 'check the network connection, or the proxy and registry ' +
        `settings (${network}), and run the set-up again.`
    : otherwise;
}
