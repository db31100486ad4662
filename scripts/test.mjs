/**
 * `npm test`, `npm run test:unit` and `npm run test:all`: set-up, checks, test suites; each closes with
 * `N passed, N failed`.
 */
import './setup/node-version.mjs';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { readCommandLine } from './setup/command-line.mjs';
import { projectAt } from './setup/project.mjs';
import { secondsSince } from './setup/report.mjs';
import { setUpOrExit } from './setup/stages.mjs';

const USAGE = `Usage: npm test [-- OPTIONS] [FILES]

Sets the project up, checks format and types, and runs the tests (or the given test files).

  --long    only *.long.test.ts, which are left out otherwise, and no checks: a Ray cluster, notebooks at
            the paper's profile
  --unit    only the quick suites: no notebooks, no browser, no *.slow.test.ts, no set-up tests; less than
            a minute
  --help`;

/** What of test/ starts kernels, browsers, set-ups or other processes, or draws pictures. */
const NOT_UNIT = ['notebooks', 'notebook', 'browser', 'setup', 'runs', 'figures', 'architecture.test.ts'];

const { values, positionals } = readCommandLine(
  USAGE,
  {
    unit: { type: 'boolean' },
    long: { type: 'boolean' },
  },
  { allowPositionals: true },
);
if (values.unit && values.long) {
  console.error(`--unit and --long exclude each other\n\n${USAGE}`);
  process.exit(2);
}
const { root } = projectAt();
const started = performance.now();
await setUpOrExit();

const counts = { passed: 0, failed: 0, skipped: 0 };
if (!values.unit && !values.long) await checkAll();
// Three files on two cores: kernels and browsers that start leave a quarter of the time of two to nobody.
if (positionals.length > 0) await runTests(['--test', '--test-concurrency=3', ...positionals]);
else if (values.unit) await runFolders(testFiles());
else await runTests(['--test', '--test-concurrency=3', ...testFiles()]);
console.log(`Tests ran for ${secondsSince(started)}.`);
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;

/** What the sources must be besides tested, two checks at a time. */
async function checkAll() {
  const tsc = (/** @type {string} */ project) => ['node_modules/typescript/bin/tsc', '-p', project];
  /** @type {[name: string, command: string[]][]} */
  const checks = [
    ['Types of tests and benchmarks', tsc('test')],
    ['Format and lint', ['node_modules/.bin/biome', 'check', '.']],
    ['Notebooks', ['scripts/format-notebooks.mjs', '--check']],
    ['Types of scripts', tsc('scripts')],
    ['Types of the playground', tsc('playground')],
  ];
  const worker = async () => {
    for (let next = checks.shift(); next; next = checks.shift()) await check(...next);
  };
  await Promise.all([worker(), worker()]);
}

/**
 * Runs a program that must succeed, and counts it as one test. @param {string} name @param {string[]} command
 */
async function check(name, command) {
  const { code, output } = await run(command, false);
  counts[code === 0 ? 'passed' : 'failed']++;
  console.log(`${code === 0 ? '✔' : '✖'} ${name}`);
  if (code !== 0) console.log(output);
}

/**
 * Runs the files of each folder in one process, two folders at a time: most of what a quick file takes is the
 * start of Node, TensorFlow and the library. `npm test` gives each file a process of its own.
 * @param {string[]} files relative to the project
 */
async function runFolders(files) {
  const size = (/** @type {string[]} */ group) =>
    group.reduce((sum, file) => sum + fs.statSync(path.join(root, file)).size, 0);
  const folders = [...new Set(files.map((file) => path.dirname(file)))]
    .map((folder) => files.filter((file) => path.dirname(file) === folder))
    .sort((a, b) => size(b) - size(a)); // the long ones first, so that both workers end together
  const worker = async () => {
    for (let group = folders.shift(); group; group = folders.shift())
      await runTests(['scripts/test-together.mjs', ...group], false);
  };
  await Promise.all([worker(), worker()]);
}

/**
 * Counts what the tests of a command say; shows it while it comes where `live`, else at the end, in one
 * piece.
 * @param {string[]} command arguments of Node @param {boolean} live
 */
async function runTests(command, live = true) {
  const { output } = await run(['--import', 'tsx', '--test-reporter=spec', ...command], live);
  if (!live) process.stdout.write(output);
  const number = (/** @type {string} */ word) =>
    Number(new RegExp(`^ℹ ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  counts.passed += number('pass');
  counts.failed += number('fail') + number('cancelled');
  counts.skipped += number('skipped');
  if (!/^ℹ pass \d+$/m.test(output)) {
    console.log('The test runner did not finish.');
    counts.failed++;
  }
}

/** All suites that were asked for, those of the library first. */
function testFiles() {
  const folder = path.join(root, 'test');
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => name.endsWith('.long.test.ts') === Boolean(values.long))
    .filter(
      (name) =>
        !values.unit || !(NOT_UNIT.includes(name.split(path.sep)[0]) || name.endsWith('.slow.test.ts')),
    )
    .sort()
    .map((name) => path.join('test', name));
}

/**
 * Runs Node on `args`, in the project; shows the output while it comes where `live`.
 * @param {string[]} args @param {boolean} live
 * @returns {Promise<{ code: number, output: string }>}
 */
function run(args, live) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (/** @type {Buffer} */ data) => {
      const text = withoutStartUpNoise(data.toString());
      output += text;
      if (live) process.stdout.write(text);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Drops the lines with which TensorFlow greets. @param {string} text */
function withoutStartUpNoise(text) {
  return text.replace(/^(WARNING: All log messages before absl|[IW]0000 00:00:).*\n/gm, '');
}
