/** What the tests of the paper's tables share: small files in CIFAR's format, and the command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { Random } from 'lookbehind/extend';
import { nativePackage } from '../../lib/dist/compile/native';
import { ROOT } from '../runs/support';

const { node: codec } = require(nativePackage!) as {
  node: { encodePng(image: tf.Tensor3D): Promise<Uint8Array> };
};

const SIDE = 32;
const CHANNELS = 3;

/** How a command ended, and all that it wrote. */
export interface CommandEnd {
  code: number | null;
  text: string;
}

/**
 * Starts `npm run reproduce` in a process group of its own, with one thread, so that sums are taken in one
 * order everywhere.
 */
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

/** How many images. */
export interface ImageCounts {
  train: number;
  test: number;
}

/**
 * Writes `data_batch_1.bin` and `test_batch.bin`: each class has a color and a direction of stripes, under
 * noise.
 */
export function writeCifar10(
  folder: string,
  { train, test, seed = 0 }: ImageCounts & { seed?: number },
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'data_batch_1.bin'), records(train, 10, new Random(seed, 'train')));
  writeFileSync(join(folder, 'test_batch.bin'), records(test, 10, new Random(seed, 'test')));
}

/** Writes `train.bin` and `test.bin`, of such images. */
export function writeCifar100(folder: string, { train, test }: ImageCounts): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'train.bin'), records(train, 100, new Random(0, 'train')));
  writeFileSync(join(folder, 'test.bin'), records(test, 100, new Random(0, 'test')));
}

/**
 * Writes TinyImageNet's folders with a few classes, of such images as PNG; the counts are those of each
 * class.
 */
export async function writeTinyImageNet(
  folder: string,
  { classes, train, test }: ImageCounts & { classes: number },
): Promise<void> {
  const random = new Random(0, 'tiny');
  const names = Array.from({ length: classes }, (_, label) => `n${String(label).padStart(8, '0')}`);
  const write = async (path: string, label: number): Promise<void> => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    const image = tf.tidy(() => {
      const planes = tf.tensor3d(pixels(label, random), [CHANNELS, SIDE, SIDE]);
      return tf.image
        .resizeBilinear(planes.transpose([1, 2, 0]) as tf.Tensor3D, [64, 64])
        .toInt() as tf.Tensor3D;
    });
    writeFileSync(join(folder, path), await codec.encodePng(image));
    image.dispose();
  };
  const annotations: string[] = [];
  for (const [label, name] of names.entries()) {
    for (let i = 0; i < train; i++) await write(`train/${name}/images/${name}_${i}.png`, label);
    for (let i = 0; i < test; i++) {
      await write(`val/images/val_${label}_${i}.png`, label);
      annotations.push(`val_${label}_${i}.png\t${name}\t0\t0\t63\t63\n`);
    }
  }
  writeFileSync(join(folder, 'wnids.txt'), names.map((name) => `${name}\n`).join(''));
  writeFileSync(
    join(folder, 'words.txt'),
    names.map((name) => `${name}\tstripes ${Number(name.slice(1))}\n`).join(''),
  );
  writeFileSync(join(folder, 'val', 'val_annotations.txt'), annotations.join(''));
}

/** Records of CIFAR's binary version: the label, before it in CIFAR-100 the superclass, and the pixels. */
function records(count: number, classes: 10 | 100, random: Random): Uint8Array {
  const records: number[][] = [];
  for (let i = 0; i < count; i++) {
    const label = i % classes;
    records.push([...(classes === 100 ? [label % 20] : []), label, ...pixels(label, random)]);
  }
  return Uint8Array.from(records.flat());
}

/** An image of a class, channel by channel. */
function pixels(label: number, random: Random): number[] {
  const values: number[] = [];
  const angle = (Math.PI * label) / 10;
  const phase = random.int(SIDE);
  for (let c = 0; c < CHANNELS; c++) {
    for (let p = 0; p < SIDE * SIDE; p++) {
      const along = (p % SIDE) * Math.cos(angle) + Math.floor(p / SIDE) * Math.sin(angle);
      const stripe = Math.sin((along + phase) * 0.8 + (c * label) / 3);
      values.push(Math.floor(128 + 60 * stripe + random.int(60) - 30));
    }
  }
  return values;
}
