/** What the documents name exists: functions, options, commands and files. A renamed thing is found here. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs-node';
import { scripts } from '../package.json';

const ROOT = join(__dirname, '..');
const FOLDERS = ['.', 'bench', 'data', 'data/atlas', 'guides', 'notebooks', 'test'];
const source = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !/^(dist|node_modules)\b/.test(file))
  .map((file) => join('lib', file));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** The text of each document; of a notebook, that of its Markdown cells. */
const DOCUMENTS: ReadonlyMap<string, string> = new Map(
  FOLDERS.flatMap((folder) => readdirSync(join(ROOT, folder)).map((file) => join(folder, file)))
    .concat('lib/README.md')
    .filter((file) => /\.(md|ipynb)$/.test(file))
    .map((file) => [file, file.endsWith('.md') ? read(file) : markdownOf(read(file))]),
);

function markdownOf(notebook: string): string {
  const { cells } = JSON.parse(notebook) as { cells: { cell_type: string; source: string[] }[] };
  return cells
    .filter(({ cell_type }) => cell_type === 'markdown')
    .map(({ source }) => source.join(''))
    .join('\n');
}

/** The words of the library's code without its comments: names of functions, options and their values. */
const WORDS: ReadonlySet<string> = new Set(
  source
    .map((file) => read(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''))
    .join('\n')
    .match(/\w+/g),
);

/** Pieces of code within the prose, each with its document. */
const spans = [...DOCUMENTS].flatMap(([file, text]) =>
  [...text.replace(/```[\s\S]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => ({
    file,
    code: code!,
  })),
);

describe('the documents', () => {
  it('call only functions that exist, with options that exist', () => {
    const unknown = spans.flatMap(({ file, code }) =>
      namesIn(code).map((name) => `${file}: ${name} in ${code}`),
    );
    assert.deepEqual(unknown, []);
  });

  it('begin with a README that is read in one go: fewer than 120 lines', () => {
    const lines = DOCUMENTS.get('README.md')!.trimEnd().split('\n');
    assert.ok(lines.length < 120, `README.md has ${lines.length} lines`);
  });

  it('would be caught with a name that does not exist', () => {
    assert.deepEqual(namesIn("trainer.train({ onEpoch: tensorBoard('logs') })"), ['onEpoch']);
    assert.deepEqual(namesIn('lookBehind({ k: 2 })'), ['lookBehind']);
    assert.deepEqual(namesIn('tf.train.adem(0.1)'), ['tf.train.adem']);
  });

  it('give only commands that exist', () => {
    const commands = [...DOCUMENTS].flatMap(([file, text]) =>
      [...text.matchAll(/npm run (?:-s |--silent )?([a-z][\w:-]*)/g)].map(([, name]) => ({
        file,
        name: name!,
      })),
    );
    assert.ok(commands.length > 20);
    assert.deepEqual(
      commands.filter(({ name }) => !(name in scripts)),
      [],
    );
  });

  it('link to files that exist', () => {
    const links = [...DOCUMENTS].flatMap(([file, text]) =>
      [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)].map(([, target]) => ({ file, target: target! })),
    );
    const local = links.filter(({ target }) => !/^(https?:|attachment:|mailto:)/.test(target));
    assert.ok(local.length > 20);
    assert.deepEqual(
      local.filter(({ file, target }) => !existsSync(join(ROOT, dirname(file), target))),
      [],
    );
  });
});

/** The called functions and the keys of options in a piece of code that neither the library nor tf.js has. */
function namesIn(code: string): string[] {
  const called = [...code.matchAll(/(?<![\w.])([A-Za-z_][\w.]*)\(/g)].map(([, path]) => path!);
  const keys = [...code.matchAll(/(?<=[{,]\s*)([A-Za-z_]\w*)(?=\s*:)/g)].map(([key]) => key);
  return [
    ...called.filter((path) => !exists(path)),
    ...(code.includes('{') ? keys.filter((key) => !WORDS.has(key)) : []),
  ];
}

function exists(path: string): boolean {
  if (!path.startsWith('tf.')) return WORDS.has(path.slice(path.lastIndexOf('.') + 1));
  let value: unknown = tf;
  for (const name of path.split('.').slice(1)) value = (value as Record<string, unknown> | undefined)?.[name];
  return value !== undefined;
}
