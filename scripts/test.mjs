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

/** The files that take half a minute and more, the longest first. */
const LONGEST = [
  'notebooks/smoke',
  'browser/texts',
  'browser/playground',
  'setup/package.slow',
  'compile/accelerateAll.slow',
  'faults/notebook.slow',
  'browser/walkthrough',
  'browser/backends',
  'paper/atlas.slow',
  'browser/slider',
  'optimizers/compiled.slow',
  'runs/sweep',
  'paper/study.slow',
];

/** What of test/ starts kernels, browsers, set-ups or other processes, or draws pictures. */
const NOT_UNIT = ['notebooks', 'notebook', 'browser', 'setup', 'runs', 'figures', 'architecture'];

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
/** @type {string[]} */
const failed = [];
if (!values.unit && !values.long) await checkAll();
if (positionals.length > 0) await runTests(['--test', ...positionals]);
else await runProcesses(processesFor(testFiles()));
if (failed.length > 0) console.log(`Failed: ${failed.join(', ')}`);
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
 * The files that one process runs, for each process, those that take long first, so that the last ones end
 * together. Quick files of a folder share one: most of what they take is the start of Node, TensorFlow and
 * the library. Each other file has its own.
 * @param {string[]} files relative to the project @returns {string[][]}
 */
function processesFor(files) {
  const size = (/** @type {string[]} */ group) =>
    group.reduce((sum, file) => sum + fs.statSync(path.join(root, file)).size, 0);
  const rank = (/** @type {string} */ file) => {
    const place = LONGEST.indexOf(nameOf(file));
    return place < 0 ? LONGEST.length : place;
  };
  const quick = files.filter(isQuick);
  const others = files.filter((file) => !isQuick(file)).sort((a, b) => rank(a) - rank(b));
  const folders = [...new Set(quick.map((file) => path.dirname(file)))]
    .map((folder) => quick.filter((file) => path.dirname(file) === folder))
    .sort((a, b) => size(b) - size(a));
  return [...others.map((file) => [file]), ...folders];
}

/**
 * Two processes of quick suites at a time. Else three, also on two cores: kernels and browsers that start
 * leave a quarter of the time of two to nobody.
 * @param {string[][]} processes
 */
async function runProcesses(processes) {
  const worker = async () => {
    for (let files = processes.shift(); files; files = processes.shift())
      await runTests(files.length > 1 ? ['scripts/test-together.mjs', ...files] : files, false);
  };
  await Promise.all(Array.from({ length: values.unit ? 2 : 3 }, worker));
}

/**
 * Counts what the tests of a command say; shows it while it comes where `live`, else at the end, in one
 * piece.
 * @param {string[]} command arguments of Node @param {boolean} live
 */
async function runTests(command, live = true) {
  const { code, output } = await run(['--import', 'tsx', '--test-reporter=spec', ...command], live);
  if (!live) process.stdout.write(output);
  const number = (/** @type {string} */ word) =>
    Number(new RegExp(`^ℹ ${word} (\\d+)$`, 'm').exec(output)?.[1] ?? 0);
  counts.passed += number('pass');
  counts.skipped += number('skipped');
  const isWhole = /^ℹ pass \d+$/m.test(output);
  if (!isWhole) console.log('The test runner did not finish.');
  // Also one that ends otherwise than its tests do.
  const wrong = Math.max(number('fail') + number('cancelled'), isWhole && code === 0 ? 0 : 1);
  counts.failed += wrong;
  if (wrong > 0) failed.push(command.filter((word) => word.endsWith('.test.ts')).join(' '));
}

/** All suites that were asked for. */
function testFiles() {
  return fs
    .readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => path.join('test', name))
    .filter((file) => file.endsWith('.long.test.ts') === Boolean(values.long))
    .filter((file) => !values.unit || isQuick(file));
}

/** The path of a file below test/, without its ending. @param {string} file */
function nameOf(file) {
  return path.relative('test', file).replaceAll(path.sep, '/').replace('.test.ts', '');
}

/** @param {string} file */
function isQuick(file) {
  return !NOT_UNIT.includes(nameOf(file).split('/')[0] ?? '') && !/\.(slow|long)\.test\.ts$/.test(file);
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
