/** Renders the sample figures as PNG into a folder, to look at: `node --import tsx test/figures/render.ts FOLDER [NAME...]`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { figureToPng } from 'lookbehind/notebook';
import { samples } from './samples';

async function main(): Promise<void> {
  const [folder = 'results/figures', ...names] = process.argv.slice(2);
  mkdirSync(folder, { recursive: true });
  for (const [name, make] of Object.entries(samples)) {
    if (names.length === 0 || names.includes(name)) writeFileSync(join(folder, `${name}.png`), await figureToPng(make()));
  }
}

void main();
