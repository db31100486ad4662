/**
 * `npx lookbehind doctor`: what the library finds in a project, and what to do where something is missing. In
 * a checkout, `npm run doctor` also looks at Python, Jupyter and the data.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { dataFolder } from '../data/files';
import { libraryVersion } from '../files/version';

const HELP = `npx lookbehind doctor

Says which of the optional packages are there, and what to do where something is missing.
`;

/** What the optional packages are for. */
const OPTIONAL: Readonly<Record<string, readonly string[]>> = {
  'tables as data frames': ['danfojs-node'],
  'pictures of figures': [
    'plotly.js',
    'jsdom',
    '@napi-rs/canvas',
    '@resvg/resvg-js',
    'svg-path-properties',
    '@expo-google-fonts/arimo',
  ],
  'the digits of MNIST': ['mnist'],
  notebooks: ['tslab'],
};

const { engines, peerDependencies } = JSON.parse(
  readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8'),
) as {
  engines: { node: string };
  peerDependencies: Record<string, string>;
};

/** The project that the command was called in. */
const project = createRequire(join(process.cwd(), 'package.json'));
let broken = 0;

function report(what: string, good: boolean, text: string): void {
  if (!good) broken++;
  console.log(`${good ? 'ok     ' : 'BROKEN '} ${what}: ${text}`);
}

function note(what: string, text: string): void {
  console.log(`absent  ${what}: ${text}`);
}

/** The file that a package is loaded from; undefined if there is none. */
function resolved(from: NodeJS.Require, name: string): string | undefined {
  try {
    return from.resolve(name);
  } catch {
    return undefined;
  }
}

/** Whether a package is installed, also one that forbids to load it as a whole. */
function isInstalled(name: string): boolean {
  return resolved(require, name) !== undefined || resolved(require, `${name}/package.json`) !== undefined;
}

function checkNode(): void {
  const [major] = process.versions.node.split('.');
  report(
    'Node.js',
    engines.node.split(' || ').includes(major),
    `${process.versions.node}; lookbehind ${libraryVersion()} needs ${engines.node}`,
  );
}

/** Two copies of tf.js have two sets of backends, variables and types. */
function checkTensorFlow(): boolean {
  const [own, theirs] = [require, project].map((from) => resolved(from, '@tensorflow/tfjs'));
  if (own === undefined) {
    const range = peerDependencies['@tensorflow/tfjs'];
    report('@tensorflow/tfjs', false, `missing. Install it with: npm install "@tensorflow/tfjs@${range}"`);
    return false;
  }
  const single = theirs === undefined || theirs === own;
  const found = single
    ? own
    : `two copies, ${own} and ${theirs}. Let "overrides" in package.json name one version`;
  report('@tensorflow/tfjs', single, found);
  return single;
}

function checkRuntime(): void {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [join(__dirname, 'runtime.js')], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    const cause = signal ?? stderr.split('\n').find((line) => line.includes('Error')) ?? 'no reason given';
    report('native TensorFlow', false, `did not load (${cause}). Reinstall @tensorflow/tfjs-node`);
    return;
  }
  const found = JSON.parse(stdout.trim().split('\n').at(-1) as string) as {
    package?: string;
    gpu: boolean;
    right: boolean;
  };
  if (found.package === undefined)
    note(
      'native TensorFlow',
      'compile, accelerate and compiled training need it. npm install @tensorflow/tfjs-node',
    );
  else report('native TensorFlow', found.right, `${found.package} on the ${found.gpu ? 'GPU' : 'CPU'}`);
}

function checkOptional(): void {
  for (const [purpose, names] of Object.entries(OPTIONAL)) {
    const missing = names.filter((name) => !isInstalled(name));
    if (missing.length === 0) report(purpose, true, names.join(', '));
    else note(purpose, `npm install ${missing.join(' ')}`);
  }
}

function checkData(): void {
  try {
    report('data that ship with the project', true, dataFolder());
  } catch {
    note('data that ship with the project', 'set LB_DATA to the folder "data" of a checkout');
  }
}

const [given] = process.argv.slice(2);
if (given === undefined) {
  checkNode();
  if (checkTensorFlow()) checkRuntime();
  checkOptional();
  checkData();
  process.exitCode = broken === 0 ? 0 : 1;
} else if (given === '--help' || given === '-h') {
  process.stdout.write(HELP);
} else {
  process.stderr.write(`doctor takes no options, but got ${given}.\n\n${HELP}`);
  process.exitCode = 2;
}
