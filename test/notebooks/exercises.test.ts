/** The answers to the exercises of notebooks: each runs after the cells above it, and its checks hold. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(__dirname, '..', '..');
const IMPORT = /^import [^;]*;$/gm;

interface Cell {
  cell_type: string;
  source: string[];
}

for (const name of readdirSync(join(ROOT, 'notebooks')).filter((one) => one.endsWith('.ipynb'))) {
  const { cells } = JSON.parse(readFileSync(join(ROOT, 'notebooks', name), 'utf8')) as { cells: Cell[] };
  const answers = cells.flatMap(({ cell_type, source }, c) =>
    cell_type === 'code'
      ? []
      : source
          .join('')
          .split('<details>')
          .slice(1)
          .map((details) => ({ c, code: /```ts\n([\s\S]*?)```/.exec(details)?.[1] })),
  );
  if (answers.length === 0) continue;

  test(`the answers of ${name} are right`, () => {
    const above = cells.slice(0, answers.at(-1)!.c).filter(({ cell_type }) => cell_type === 'code');
    const codes = answers.map(({ code }) => {
      assert.match(code ?? '', /assert/, 'each answer has code that checks itself');
      return code!;
    });
    const source = [
      ...codes.flatMap((code) => code.match(IMPORT) ?? []),
      ...above.map(({ source }) => source.join('')),
      ...codes.map((code, i) => `{\n${code.replace(IMPORT, '')}\nconsole.log('answer ${i + 1}');\n}`),
    ].join('\n');
    // Inside the project, where the library is found.
    mkdirSync(join(ROOT, 'results'), { recursive: true });
    const folder = mkdtempSync(join(ROOT, 'results', 'exercises-'));
    try {
      const file = join(folder, 'answers.mts');
      writeFileSync(file, source);
      const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', file], {
        encoding: 'utf8',
        env: { ...process.env, LB_PROFILE: 'smoke' },
      });
      assert.equal(status, 0, stderr);
      const done = stdout.match(/^answer \d+$/gm);
      assert.deepEqual(
        done,
        codes.map((_, i) => `answer ${i + 1}`),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
