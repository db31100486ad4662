/** Ctrl-C while a notebook is executed: before its first cell, and in a cell. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

const root = join(__dirname, '..', '..');
const PYTHON = join(root, '.venv', 'bin', 'python');

const skip = existsSync(PYTHON) ? false : 'no .venv: run npm run setup';

// Side by side, since a cell that does not heed an interrupt is given fifteen seconds.
describe('an interrupt', { skip, concurrency: true }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-interrupt-'));
  after(() => rmSync(scratch, { recursive: true, force: true }));

  // Node.js may lose a signal at the very end of the first synchronous stretch of a cell, so what asks for it
  // is printed after that.
  const WAITS =
    "await null;\nconsole.log('second');\nawait new Promise((resolve) => setTimeout(resolve, 60000));";
  const IS_DEAF = `await null;\nprocess.removeAllListeners('SIGINT').on('SIGINT', () => {});\n${WAITS}`;

  /** A notebook in a folder of its own, and where it is written with its outputs. */
  function writeNotebook(second: string): { source: string; target: string } {
    const folder = mkdtempSync(join(scratch, 'notebook-'));
    const [source, target] = [join(folder, 'long.ipynb'), join(folder, 'out', 'long.ipynb')];
    const cells = ["console.log('first cell');", second].map((code, i) => ({
      cell_type: 'code',
      id: `c${i}`,
      metadata: {},
      outputs: [],
      execution_count: null,
      source: code,
    }));
    const metadata = { kernelspec: { name: 'tslab', display_name: 'TypeScript', language: 'typescript' } };
    writeFileSync(source, JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 }));
    return { source, target };
  }

  /** Executes the notebook, and interrupts it when its output has the given text. */
  async function interruptAt(
    text: string,
    { source, target }: { source: string; target: string },
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const script = join(root, 'scripts', 'notebooks', 'execute.py');
    const child = spawn(PYTHON, ['-W', 'ignore', script, source, target], {
      env: { ...process.env, PYTHONUNBUFFERED: '1' },
    });
    let [stdout, stderr] = ['', ''];
    let interrupted = false;
    child.stdout.on('data', (data) => {
      stdout += data;
      if (interrupted || !stdout.includes(text)) return;
      interrupted = true;
      child.kill('SIGINT');
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    const [code] = (await once(child, 'close')) as [number];
    return { code, stdout, stderr };
  }

  it('while the kernel starts ends at once, says so in one line, and writes nothing', async () => {
    const notebook = writeNotebook(WAITS);
    const { code, stdout, stderr } = await interruptAt('starting the kernel', notebook);
    assert.deepEqual(
      [code, stdout, stderr],
      [130, 'starting the kernel\n', 'Interrupted before the first cell.\n'],
    );
    assert.ok(!existsSync(notebook.target));
  });

  for (const [which, second] of Object.entries({
    'a cell': WAITS,
    'a cell that does not heed it': IS_DEAF,
  })) {
    it(`in ${which} keeps the outputs up to there`, async () => {
      const notebook = writeNotebook(second);
      const { code, stderr } = await interruptAt('second\n', notebook);
      assert.equal(code, 130, stderr);
      assert.match(stderr, /^Interrupted in cell 2 of 2 of long\.ipynb\. [^\n]+\n$/);
      assert.match(readFileSync(notebook.target, 'utf8'), /first cell\\n/);
    });
  }
});
