/**
 * Renders the sample figures as PNG into a folder, to look at:
 * `node --import tsx test/figures/render.ts FOLDER [NAME...]`. Those that are as wide as the cell of a
 * notebook are drawn in a narrow, a usual and a wide one.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { figureToPng } from 'lookbehind/notebook';
import { isPlane } from '../../lib/dist/figures/compose';
import { samples } from './samples';

async function main(): Promise<void> {
  const [folder = 'results/figures', ...names] = process.argv.slice(2);
  mkdirSync(folder, { recursive: true });
  for (const [name, make] of Object.entries(samples)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const { data, layout } = make();
    for (const width of isPlane({ data, layout }) ? [layout.width] : [600, 900, 1200]) {
      const png = await figureToPng({ data, layout: { ...layout, width } });
      writeFileSync(join(folder, `${name}-${width}.png`), png);
    }
  }
}

void main();
