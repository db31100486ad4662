/**
 * The set-up: it sees that there is nothing to do, finds damage, takes over from a killed one, and says what
 * is missing.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

const root = join(__dirname, '..', '..');
const scratch = mkdtempSync(join(tmpdir(), 'lookbehind-setup-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** The set-up's modules are plain JavaScript; what is used of them here. */
interface Modules {
  'wheels.mjs': {
    damagedFiles(sitePackages: string, folder: string): string[];
    installedWheels(sitePackages: string): Array<{ name: string; version: string }>;
  };
  'lock.mjs': {
    takeLock(
      file: string,
      options?: { onWait?: (pid: number) => void; timeoutMs?: number },
    ): Promise<{ release(): void }>;
  };
  'npm.mjs': { missingPackages(root: string): string[] };
  'processes.mjs': { endOrphans(token: string): Promise<void> };
  'node-version.mjs': { nodeProblem(version: string): string };
  'files.mjs': { writeAtomically(file: string, content: string): void };
}

const load = <N extends keyof Modules>(name: N): Promise<Modules[N]> =>
  import(pathToFileURL(join(root, 'scripts', 'setup', name)).href) as Promise<Modules[N]>;

describe('a project that is set up', () => {
  it('is found so, and nothing is done', () => {
    const run = () => spawnSync(process.execPath, ['scripts/setup.mjs'], { cwd: root, encoding: 'utf8' });
    assert.equal(run().status, 0);
    const { stdout, status } = run();
    assert.equal(status, 0);
    assert.match(stdout, /everything is up to date \(\d+\.\d s\)/);
  });

  it('keeps cells in the page of JupyterLab, whose figures lose their texts where it hides them', () => {
    const file = join(root, '.venv', 'share', 'jupyter', 'lab', 'settings', 'overrides.json');
    const settings = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, unknown>>;
    assert.equal(settings['@jupyterlab/notebook-extension:tracker']!.windowingMode, 'defer');
  });

  it('runs a program silently', () => {
    const { stdout, status } = spawnSync(
      'npm',
      ['run', '-s', 'replay', '--', 'test/golden/quadratic-sam.json'],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    assert.equal(status, 0);
    const lines = stdout.trim().split('\n');
    assert.match(lines[0], /^passed +.*quadratic-sam\.json/);
    assert.equal(lines.at(-1), '1 passed, 0 failed, 0 skipped');
  });
});

describe('an installed package', () => {
  it('is damaged where a file has another size than pip wrote, or is gone', async () => {
    const { damagedFiles, installedWheels } = await load('wheels.mjs');
    const site = join(scratch, 'site');
    mkdirSync(join(site, 'pack'), { recursive: true });
    mkdirSync(join(site, 'Pack_age-1.2.dist-info'));
    writeFileSync(join(site, 'pack', 'big.so'), 'x'.repeat(1000));
    writeFileSync(join(site, 'pack', 'small.h'), 'y');
    writeFileSync(
      join(site, 'Pack_age-1.2.dist-info', 'RECORD'),
      'pack/big.so,sha256=abc,1000\npack/small.h,sha256=abc,1\n../../bin/tool,sha256=abc,7\n',
    );
    assert.deepEqual(
      installedWheels(site).map(({ name, version }) => `${name} ${version}`),
      ['pack-age 1.2'],
    );
    const damaged = () => damagedFiles(site, 'Pack_age-1.2.dist-info');
    assert.deepEqual(damaged(), []);
    truncateSync(join(site, 'pack', 'big.so'), 990);
    assert.deepEqual(damaged(), ['pack/big.so']);
    rmSync(join(site, 'pack', 'small.h'));
    assert.deepEqual(damaged(), ['pack/big.so', 'pack/small.h']);
    rmSync(join(site, 'Pack_age-1.2.dist-info', 'RECORD'));
    assert.equal(damaged().length, 1);
  });
});

describe('the lock', () => {
  it('is waited for while its owner lives, and taken over when it is gone', async () => {
    const { takeLock } = await load('lock.mjs');
    const file = join(scratch, 'lock');
    const first = await takeLock(file);
    const waited: number[] = [];
    await assert.rejects(
      takeLock(file, { onWait: (pid) => waited.push(pid), timeoutMs: 300 }),
      /Another set-up \(process \d+\) has not finished/,
    );
    assert.deepEqual(waited, [process.pid]);
    first.release();
    assert.equal(existsSync(file), false);
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(file, JSON.stringify({ pid, token: 'of a process that ended' }));
    (await takeLock(file)).release();
    writeFileSync(file, '{"pid": 12');
    utimesSync(file, new Date(0), new Date(0));
    (await takeLock(file)).release();
  });
});

describe('what is missing', () => {
  it('is said with what to do: another Node.js', async () => {
    const { nodeProblem } = await load('node-version.mjs');
    for (const version of ['22.3.0', '24.0.0', '26.1.0']) assert.equal(nodeProblem(version), '');
    for (const version of ['18.20.0', '20.20.2'])
      assert.match(nodeProblem(version), /past its end.*22, 24 and 26/);
    for (const version of ['23.1.0', '25.0.0', '27.0.0'])
      assert.match(nodeProblem(version), /tested on 22, 24 and 26/);
  });
});

describe('files', () => {
  it('are written whole', async () => {
    const { writeAtomically } = await load('files.mjs');
    const file = join(scratch, 'deep', 'file.json');
    writeAtomically(file, 'one');
    writeAtomically(file, 'two');
    assert.equal(readFileSync(file, 'utf8'), 'two');
  });
});

describe('npm packages', () => {
  it('are missing where they are absent, of another version or no links; those for other machines are not', async () => {
    const { missingPackages } = await load('npm.mjs');
    const project = join(scratch, 'packages');
    const install = (name: string, version: string) => {
      mkdirSync(join(project, 'node_modules', name), { recursive: true });
      writeFileSync(join(project, 'node_modules', name, 'package.json'), JSON.stringify({ version }));
    };
    install('right', '1.0.0');
    install('old', '1.0.0');
    install('copied', '1.0.0');
    symlinkSync('right', join(project, 'node_modules', 'linked'));
    const packages = {
      '': {},
      'node_modules/right': { version: '1.0.0' },
      'node_modules/old': { version: '2.0.0' },
      'node_modules/absent': { version: '1.0.0' },
      'node_modules/copied': { link: true },
      'node_modules/linked': { link: true },
      'node_modules/elsewhere': { version: '1.0.0', optional: true, os: ['no such system'] },
    };
    writeFileSync(join(project, 'package-lock.json'), JSON.stringify({ packages }));
    assert.deepEqual(missingPackages(project), ['old', 'absent', 'copied']);
  });
});

describe('the set-up that was killed', () => {
  it(
    'has its orphans ended, and no other process',
    { skip: process.platform === 'linux' ? false : 'reads /proc' },
    async () => {
      const { endOrphans } = await load('processes.mjs');
      const start = (token: string) =>
        spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
          env: { ...process.env, LB_SETUP_TOKEN: token },
          stdio: 'ignore',
        });
      const orphan = start('of the killed one');
      const other = start('of another one');
      const ended = once(orphan, 'exit');
      await endOrphans('of the killed one');
      await ended;
      assert.equal(orphan.signalCode, 'SIGTERM');
      assert.equal(other.exitCode ?? other.signalCode, null);
      other.kill();
    },
  );
});

describe('a command', () => {
  const commands = [
    'build',
    'clean',
    'docs',
    'doctor',
    'format-notebooks',
    'notebooks',
    'playground',
    'setup',
  ];
  for (const name of [...commands, 'test', 'walkthrough']) {
    it(`refuses an option that ${name} does not have, by name, and says which there are`, () => {
      const program = join('scripts', `${name}.mjs`);
      const { status, stderr } = spawnSync(process.execPath, [program, '--frobnicate'], {
        cwd: root,
        encoding: 'utf8',
      });
      assert.equal(status, 2);
      assert.match(stderr, /^Unknown option '--frobnicate'.*\nUsage: /s);
    });
  }
});
