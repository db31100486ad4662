/**
 * Every notebook runs in the smoke profile, in an empty store, without an error and without a word on
 * standard error.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const root = join(__dirname, '..', '..');
const notebooks = readdirSync(join(root, 'notebooks')).filter((name) => name.endsWith('.ipynb'));

interface Notebook {
  cells: Array<{
    cell_type: string;
    source: string[];
    outputs?: Array<{ output_type: string; name?: string; data?: Record<string, unknown> }>;
  }>;
}

describe('notebooks', () => {
  it('are there', () => {
    assert.ok(notebooks.includes('00-walkthrough.ipynb'));
  });

  for (const name of notebooks) {
    it(`${name} runs`, () => {
      const folder = mkdtempSync(join(tmpdir(), 'lookbehind-notebook-'));
      try {
        const target = join(folder, name);
        const { status, stderr } = spawnSync(
          join(root, '.venv', 'bin', 'python'),
          [
            '-W',
            'ignore',
            join(root, 'scripts', 'notebooks', 'execute.py'),
            join(root, 'notebooks', name),
            target,
            '--quiet',
          ],
          { encoding: 'utf8', env: { ...process.env, LB_PROFILE: 'smoke', LB_RUNS: join(folder, 'runs') } },
        );
        assert.equal(status, 0, stderr);
        const { cells } = JSON.parse(readFileSync(target, 'utf8')) as Notebook;
        const outputs = cells.flatMap((cell) => cell.outputs ?? []);
        assert.ok(
          outputs.some(({ data }) => data?.['application/vnd.plotly.v1+json'] && data['image/png']),
          'figures, also as pictures',
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    it(`${name} is committed with its outputs, and fits its rules`, () => {
      const { cells } = JSON.parse(readFileSync(join(root, 'notebooks', name), 'utf8')) as Notebook;
      const code = cells.filter(
        ({ cell_type, source }) => cell_type === 'code' && source.join('').trim() !== '',
      );
      assert.ok(code.length <= 16, `${code.length} code cells`);
      const sources = cells.map(({ source }) => source.join(''));
      const verdicts = sources.findIndex((source) => /^## Verdicts/.test(source));
      for (const { source } of code)
        assert.ok(source.length <= 25, `a cell of ${source.length} lines: ${source[0]}`);
      assert.equal(verdicts < 0, name.startsWith('10'), 'all but the exploration end with verdicts');
      if (verdicts >= 0) {
        assert.ok(
          code.some(({ source }) => source.join('').includes('verdictTable(')),
          'a table of verdicts',
        );
        const prose = cells.slice(verdicts).filter(({ cell_type }) => cell_type === 'markdown');
        const said = code.flatMap(({ source }) =>
          [...source.join('').matchAll(/^say`[\s\S]*?`;$/gm)].map(([text]) => [text]),
        );
        const words = [...prose.map(({ source }) => source), ...said].flatMap((text) =>
          text.join('').split(/\s+/),
        );
        assert.ok(words.length <= 150, `${words.length} words after the figures`);
      }
      const outputs = code.flatMap((cell) => cell.outputs ?? []);
      assert.ok(
        outputs.some(({ data }) => data?.['image/png']),
        'pictures',
      );
      assert.ok(
        !outputs.some(({ output_type, name: stream }) => output_type === 'error' || stream === 'stderr'),
        'no errors',
      );
    });
  }
});
