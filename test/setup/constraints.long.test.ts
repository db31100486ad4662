/**
 * The pinned Python packages can be installed, and are all that JupyterLab needs, on the oldest and the
 * newest Python, and on Debian's.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';

const root = join(__dirname, '..', '..');
const PYTHON = join(root, '.venv', 'bin', 'python');
const CONSTRAINTS = join(root, 'scripts', 'setup', 'constraints.txt');

/** First patch releases are the hardest: some packages want 3.11.5 or the like. Debian 12 has 3.11.2. */
const PYTHONS = ['3.10.0', '3.11.2', '3.13.99'];

/** What hinders the packages of `file` on that Python; the test is skipped where there is no network. */
function problems(
  t: TestContext,
  version: string,
  file: string,
  requirements: string[],
): string[] | undefined {
  const program = join(root, 'test', 'setup', 'constraints.py');
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-I', program, version, file, ...requirements], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  const answer: { problems?: string[]; offline?: string } = JSON.parse(stdout);
  if (answer.offline) t.skip(`the index of Python packages cannot be read: ${answer.offline.slice(0, 300)}`);
  return answer.problems;
}

/** pip answers without installing from 22.2 on; Python 3.10.0 comes with an older one. */
function pipIsTooOld(): string | false {
  if (!existsSync(PYTHON)) return 'no .venv: run npm run setup';
  const { stdout } = spawnSync(PYTHON, ['-I', '-m', 'pip', '--version'], { encoding: 'utf8' });
  const [, major, minor] = /^pip (\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) > 22 || (major === '22' && Number(minor) >= 2)
    ? false
    : `pip 22.2 or later is wanted, this is ${stdout}`;
}

describe('the pinned Python packages', { skip: pipIsTooOld() }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-constraints-'));
  after(() => rmSync(scratch, { recursive: true, force: true }));
  let jupyter: string[];
  before(async () => {
    const versions = await import(pathToFileURL(join(root, 'scripts', 'setup', 'versions.mjs')).href);
    jupyter = versions.JUPYTER;
    const { min, max } = versions.PYTHON_MINORS;
    assert.deepEqual(
      [PYTHONS[0], PYTHONS.at(-1)],
      [`3.${min}.0`, `3.${max}.99`],
      'the supported Pythons changed: test their ends',
    );
  });

  for (const version of PYTHONS) {
    it(`can be installed on Python ${version}, and nothing is missing`, (t) => {
      const found = problems(t, version, CONSTRAINTS, jupyter);
      if (found) assert.deepEqual(found, []);
    });
  }

  it('are found wrong where one wants a later Python, or one is left out', (t) => {
    const file = join(scratch, 'constraints.txt');
    writeFileSync(file, 'soupsieve==4.1.2\n');
    const tooNew = problems(t, '3.11.2', file, ['soupsieve']);
    if (tooNew) assert.match(tooNew.join(), /soupsieve==4\.1\.2/);
    if (tooNew) assert.deepEqual(problems(t, '3.11.5', file, ['soupsieve']), []);
    writeFileSync(file, readFileSync(CONSTRAINTS, 'utf8').match(/^beautifulsoup4.*$/m)?.[0] ?? '');
    const incomplete = problems(t, '3.11.2', file, ['beautifulsoup4']);
    if (incomplete) assert.match(incomplete.join(), /beautifulsoup4 needs soupsieve/);
  });
});
