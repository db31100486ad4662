/** What the tests of the paper's tables share: small files in CIFAR's format, and the command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from 'lookbehind';
import { ROOT } from '../experiments/support';

const SIDE = 32;
const CHANNELS = 3;
const CLASSES = 10;

/** How a command ended, and all that it wrote. */
export interface CommandEnd {
  code: number | null;
  text: string;
}

/** Starts `npm run reproduce` in a process group of its own, with one thread, so that sums are taken in one order everywhere. */
export function startReproduce(...args: string[]): { child: ChildProcess; ended: Promise<CommandEnd> } {
  const { RAY_ADDRESS: _, ...environment } = process.env;
  const child = spawn(process.execPath, ['scripts/run.mjs', 'lib/dist/paper/cli.js', ...args], {
    cwd: ROOT,
    env: { ...environment, TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
  }
  return { child, ended: once(child, 'close').then(([code]) => ({ code: code as number | null, text })) };
}

/** Writes `data_batch_1.bin` and `test_batch.bin`: each class has a colour and a direction of stripes, under noise. */
export function writeCifar10(folder: string, { train, test, seed = 0 }: { train: number; test: number; seed?: number }): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'data_batch_1.bin'), records(train, new Random(seed, 'train')));
  writeFileSync(join(folder, 'test_batch.bin'), records(test, new Random(seed, 'test')));
}

function records(count: number, random: Random): Uint8Array {
  const size = 1 + CHANNELS * SIDE * SIDE;
  const bytes = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    const label = i % CLASSES;
    const angle = (Math.PI * label) / CLASSES;
    const phase = random.int(SIDE);
    bytes[i * size] = label;
    for (let c = 0; c < CHANNELS; c++) {
      for (let p = 0; p < SIDE * SIDE; p++) {
        const along = (p % SIDE) * Math.cos(angle) + Math.floor(p / SIDE) * Math.sin(angle);
        const stripe = Math.sin((along + phase) * 0.8 + (c * label) / 3);
        bytes[i * size + 1 + c * SIDE * SIDE + p] = 128 + 60 * stripe + random.int(60) - 30;
      }
    }
  }
  return bytes;
}
