/**
 * The shape of the library: imports point downwards, everything public is documented and named, one native
 * runtime.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { describe, it } from 'node:test';
import ts from '@tslab/typescript-for-tslab';
import { type BuildFailure, build } from 'esbuild';
import { browser } from '../lib/package.json';
import { DOORS, publicNames } from './publicNames';

const root = join(__dirname, '..');
const lib = join(root, 'lib');

/** Code that loads every door. */
const ALL = [...DOORS.keys()].map((door) => `require('${door}')`).join('; ');

/**
 * Doors whose code runs in a browser, too. What of them needs Node is left out of a bundle: `browser` in
 * lib/package.json.
 */
const IN_BROWSERS = [
  'lookbehind',
  ...[
    'compile',
    'train',
    'data',
    'models',
    'sharpness',
    'landscape',
    'robustness',
    'lifelong',
    'figures',
    'errors',
    'extend',
  ].map((room) => `lookbehind/${room}`),
];

/** Files of these doors that call `dataSync`, and why: on WebGPU it takes a long way round. */
const SYNCHRONOUS = {
  'landscape/layout.ts': 'flatWeights; readFlatWeights waits',
  'landscape/lookbehindStep.ts': 'one step, taken and taken back in one go',
  'models/stateDict.ts': 'weights for a file, in one go',
  'models/vit.ts': 'positions that are read from a file',
  'optimizers/state.ts': 'a state is of one moment',
  'robustness/trainingNoise.ts': 'a counter that JavaScript wrote',
  'training/measureSteps.ts': 'steps that are taken back in one go',
  'training/modelLoss.ts': 'atSync; at waits',
  'training/modelState.ts': 'a state is of one moment',
  'training/stepPath.ts': 'one step, in one go',
  'training/walk.ts': 'a loss of a few parameters, in one go',
};

/** The rooms of lib/, from the top, and those below that each may import. `core` is open to all. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  paper: ['cli', 'notebook', 'figures', 'statistics', 'runs', 'training', 'data', 'files'],
  cli: ['notebook', 'statistics', 'runs', 'data', 'compile', 'files'], // notebook: pages
  notebook: ['figures', 'statistics', 'runs', 'landscape', 'training', 'data', 'compile', 'files'],
  figures: [],
  statistics: ['runs', 'lifelong', 'training', 'files'],
  runs: [
    'lifelong',
    'sharpness',
    'robustness',
    'training',
    'optimizers',
    'models',
    'data',
    'compile',
    'files',
  ],
  lifelong: ['sharpness', 'training', 'optimizers', 'data'],
  landscape: ['sharpness', 'robustness', 'training', 'optimizers', 'files'],
  sharpness: ['training', 'optimizers', 'compile'],
  robustness: ['training', 'optimizers', 'compile'],
  training: ['optimizers', 'data', 'compile', 'files'],
  optimizers: [],
  models: ['files'],
  data: ['compile', 'files'],
  compile: ['files'],
  files: [],
  core: [],
};

/** Packages that are loaded in these rooms only, so that the core works without them. */
const ONLY_IN: Record<string, string[]> = {
  'danfojs-node': ['statistics', 'notebook'],
  tslab: ['notebook'],
  jsdom: ['notebook'],
};

interface Import {
  file: string;
  room: string;
  target: string;
}

function sources(): string[] {
  return readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.startsWith('dist'),
  );
}

function imports(): Import[] {
  return sources().flatMap((file) => {
    const text = readFileSync(join(lib, file), 'utf8');
    return [...text.matchAll(/(?:from|import\(|require\()\s*'([^']+)'/g)].map(([, target]) => ({
      file,
      room: file.split(sep)[0],
      target,
    }));
  });
}

describe('imports', () => {
  const all = imports();

  it('are found', () => {
    assert.ok(all.length > 300);
  });

  it('lead to the rooms below that the table allows', () => {
    const rooms = Object.keys(BELOW);
    for (const [room, below] of Object.entries(BELOW)) {
      for (const other of below)
        assert.ok(rooms.indexOf(other) > rooms.indexOf(room), `${other} is not below ${room}`);
    }
    const strange = all.filter(({ file, room, target }) => {
      // lib/errors.ts and lib/extend.ts belong to no room.
      if (!target.startsWith('.') || !rooms.includes(room)) return false;
      const [other] = relative(lib, resolve(lib, file, '..', target)).split(sep);
      return other !== room && other !== 'core' && !BELOW[room]!.includes(other!);
    });
    assert.deepEqual(strange, []);
  });

  it('take TensorFlow.js from core/ alone', () => {
    assert.deepEqual(
      all.filter(
        ({ room, target }) => target.startsWith('@tensorflow/') && !['core', 'compile'].includes(room),
      ),
      [],
    );
  });

  it('keep optional packages at the edge', () => {
    for (const [name, rooms] of Object.entries(ONLY_IN)) {
      const strangers = all.filter(
        ({ room, target }) => (target === name || target.startsWith(`${name}/`)) && !rooms.includes(room),
      );
      assert.deepEqual(strangers, [], name);
    }
  });
});

describe('the playground', () => {
  it('is written on the doors of the library and its own files', () => {
    const folder = join(root, 'playground');
    const packages = ['@tensorflow/', 'd3-contour'];
    const strange = readdirSync(folder)
      .filter((name) => name.endsWith('.ts'))
      .flatMap((file) => {
        const text = readFileSync(join(folder, file), 'utf8');
        return [...text.matchAll(/(?:from|import|import\()\s*'([^']+)'/g)].map(([, target]) => ({
          file,
          target,
        }));
      })
      .filter(({ target }) => {
        if (/^\.\/|^\.\.\/data\/.*\.bin$/.test(target)) return false;
        return !DOORS.has(target) && !packages.some((name) => target.startsWith(name));
      });
    assert.deepEqual(strange, []);
  });
});

describe('the public surface', () => {
  const names = publicNames();

  it('is documented: every exported declaration has a comment', () => {
    const bare = sources()
      // compile/graph is the inside of compile(): no index names it.
      .filter((file) => !file.endsWith('index.ts') && !file.startsWith(join('compile', 'graph')))
      .flatMap((file) => {
        const lines = readFileSync(join(lib, file), 'utf8').split('\n');
        return lines.flatMap((line, i) => {
          if (!/^export (abstract class|class|function|async function|interface|type|const) \w/.test(line))
            return [];
          const overload = /^export function (\w+)/.exec(line)?.[1];
          const seen = lines.slice(0, i).some((earlier) => earlier.startsWith(`export function ${overload}`));
          if (overload && seen) return []; // its first signature has the comment
          return /\*\/\s*$/.test(lines[i - 1] ?? '') ? [] : [`${file}:${i + 1} ${line.slice(0, 60)}`];
        });
      });
    assert.deepEqual(bare, []);
  });

  it('shows a documentation for every public name, wherever its comment stands', () => {
    assert.ok(names.length > 300);
    assert.deepEqual(
      names.filter(({ documentation }) => documentation === '').map(({ name }) => name),
      [],
    );
  });

  it('shows a documentation for every option, field and method of its types', () => {
    const members = names.flatMap(({ name, members }) =>
      members.map((member) => ({ ...member, name: `${name}.${member.name}` })),
    );
    assert.ok(members.length > 1000);
    assert.deepEqual(
      members.filter(({ documentation }) => documentation === '').map(({ name }) => name),
      [],
    );
  });

  it('says of an option the default that it has', () => {
    const option = /\/\*\*((?:(?!\*\/).)*)\*\/\s*\n\s*(\w+): (\w+\((?:[^()]|\([^()]*\))*\)),/gs;
    const found = sources().flatMap((file) => {
      const text = readFileSync(join(lib, file), 'utf8');
      return [...text.matchAll(option)].flatMap(([, comment, name, call]) => {
        const said = /Default:? `?([\w.,+-]*\w)/.exec(comment!)?.[1]?.replaceAll(',', '');
        const has = /, ('\w+'|[\d.e-]+|true|false),?\s*\)$/.exec(call!)?.[1]?.replaceAll("'", '');
        return said === undefined || has === undefined ? [] : [{ option: `${file}: ${name}`, said, has }];
      });
    });
    assert.ok(found.length > 100);
    assert.deepEqual(
      found.filter(({ said, has }) => said !== has),
      [],
    );
  });

  it('needs nothing of danfojs or tslab to load', () => {
    const code =
      `${ALL}; const bad = Object.keys(require.cache).filter((f) => ` +
      '/node_modules.(danfojs-node|tslab|jsdom|plotly)/.test(f)); console.log(JSON.stringify(bad));';
    const { stdout } = spawnSync(process.execPath, ['-e', code], { cwd: root, encoding: 'utf8' });
    assert.deepEqual(JSON.parse(stdout), []);
  });
});

describe('a bundle for a browser', () => {
  it('can be made of each of these doors, without anything of Node', async () => {
    const contents = IN_BROWSERS.map((door) => `export * from '${door}';`).join('\n');
    const result = await build({
      stdin: { contents, resolveDir: root },
      bundle: true,
      platform: 'browser',
      external: ['@tensorflow/*'],
      write: false,
      metafile: true,
      logLevel: 'silent',
    }).catch(({ errors }: BuildFailure) =>
      assert.fail(errors.map(({ text, location }) => `${location?.file}: ${text}`).join('\n')),
    );
    const [{ inputs }] = Object.values(result.metafile.outputs);
    assert.ok(Object.keys(inputs).length > 100);
    // What is left of Node would only show when it is called.
    const globals = /\b(Buffer|__dirname|__filename|process\.(?!env\.|emitWarning))/;
    const lines = result.outputFiles[0]!.text.split('\n').filter(
      (line) => !/^\s*(\/\/|\*|\/\*)/.test(line) && globals.test(line),
    );
    assert.deepEqual(lines, []);
  });

  it('waits for numbers of tensors: dataSync is called in few files', () => {
    const rooms = [...IN_BROWSERS.map((door) => door.split('/')[1] ?? 'optimizers'), 'training', 'core'];
    const files = sources().filter((file) => {
      const left = `./dist/${file.split(sep).join('/').replace(/\.ts$/, '.js')}` in browser;
      return rooms.includes(file.split(sep)[0]!) && !left && !file.startsWith(join('compile', 'graph'));
    });
    const calls = files.filter((file) =>
      /\.(data|array|buffer)Sync\(/.test(readFileSync(join(lib, file), 'utf8')),
    );
    assert.deepEqual(calls.map((file) => file.split(sep).join('/')).sort(), Object.keys(SYNCHRONOUS).sort());
  });

  it('is spared only files that exist', () => {
    for (const file of Object.entries(browser).flat())
      assert.ok(typeof file !== 'string' || existsSync(join(lib, file)), `${file}`);
  });
});

describe('the commands of package.json', () => {
  it('need no package before set-up has run', () => {
    const scripts = readdirSync(join(root, 'scripts')).filter((name) => name.endsWith('.mjs'));
    const files = new Set(scripts.map((name) => join(root, 'scripts', name)));
    const wanting: string[] = [];
    for (const file of files) {
      // Imports of statements: what a function imports may come from a package.
      for (const { fileName } of ts.preProcessFile(
        readFileSync(file, 'utf8').replace(/\bimport\(/g, 'ignored('),
      ).importedFiles) {
        if (fileName.startsWith('.')) files.add(resolve(file, '..', fileName));
        else if (!fileName.startsWith('node:')) wanting.push(`${relative(root, file)}: ${fileName}`);
      }
    }
    assert.ok(files.size > 30);
    assert.deepEqual(wanting, []);
  });
});

describe('packages of install scripts', () => {
  it('are never loaded: neither with the library nor with tables', () => {
    const code = `${ALL}; require('danfojs-node'); console.log(JSON.stringify(Object.keys(require.cache)));`;
    const { stdout } = spawnSync(process.execPath, ['-e', code], { cwd: root, encoding: 'utf8' });
    const files = JSON.parse(stdout.trim().split('\n').at(-1)!) as string[];
    const loaded = ['tar', 'adm-zip', 'rimraf', 'glob', 'inflight', 'https-proxy-agent'].filter((name) =>
      files.some((file) => file.replaceAll('\\', '/').includes(`/node_modules/${name}/`)),
    );
    assert.ok(files.length > 500);
    assert.deepEqual(loaded, []);
  });
});

describe(
  'the native runtime',
  { skip: process.platform === 'linux' ? false : 'reads /proc/self/maps' },
  () => {
    it('is loaded once, whoever asks for it', () => {
      const code = `require('danfojs-node'); require('@tensorflow/tfjs-node'); require('@tensorflow/tfjs-node-gpu'); ${ALL};
      const maps = require('fs').readFileSync('/proc/self/maps', 'utf8').split('\\n').map((line) => line.slice(73).trim());
      console.log(JSON.stringify([...new Set(maps.filter((path) => /tfjs_binding|libtensorflow/.test(path)))].map((path) => path.split('/').at(-1))));`;
      const { stdout } = spawnSync(process.execPath, ['-e', code], { cwd: root, encoding: 'utf8' });
      const loaded = JSON.parse(stdout.trim().split('\n').at(-1)!) as string[];
      assert.deepEqual(loaded.sort(), [
        'libtensorflow_cc.so.2',
        'libtensorflow_framework.so.2',
        'tfjs_binding.node',
      ]);
    });
  },
);

/**
 * Lines of a source that may be long: titles of tests, which Biome leaves in one line; regular expressions;
 * names that cannot be broken; and what stands in a template of several lines, a page or a program.
 */
function mayBeLong(name: string, text: string): (line: number) => boolean {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2022);
  const free = new Set<number>();
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line;
  const visit = (node: ts.Node): void => {
    const [from, to] = [lineOf(node.getStart(source)), lineOf(node.end)];
    const title = ts.isCallExpression(node) && /^(it|test|describe)\b/.test(node.expression.getText(source));
    const whole = ts.isTemplateLiteral(node) && to > from;
    if (title || node.kind === ts.SyntaxKind.RegularExpressionLiteral) free.add(from);
    for (let line = from; whole && line <= to; line++) free.add(line);
    ts.forEachChild(node, visit);
  };
  visit(source);
  const lines = text.split('\n');
  return (line) => free.has(line) || /[^\s]{80}/.test(lines[line]!);
}

describe('the repository', () => {
  it('has lines of at most 110 columns, but for what cannot be broken', () => {
    const tracked = execFileSync('git', ['ls-files', '*.ts', '*.mjs', '*.cjs'], {
      cwd: root,
      encoding: 'utf8',
    });
    const files = tracked.split('\n').filter((file) => file !== '' && existsSync(join(root, file)));
    const long = files.flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const lines = text.split('\n').map((line, i) => ({ i, columns: [...line].length }));
      if (!lines.some(({ columns }) => columns > 110)) return [];
      const free = mayBeLong(file, text);
      return lines.filter(({ i, columns }) => columns > 110 && !free(i)).map(({ i }) => `${file}:${i + 1}`);
    });
    assert.deepEqual(long, []);
  });

  it('names no path of a machine', () => {
    const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
      .split('\n')
      .filter(Boolean);
    const text = tracked.filter(
      (file) => /\.(ts|mjs|cjs|py|md|json|sh|cff|ipynb)$/.test(file) && file !== 'package-lock.json',
    );
    const pattern = /(^|["'`\s(=])\/(home|root|work|Users)\/[A-Za-z]/;
    assert.deepEqual(
      text.filter((file) => pattern.test(readFileSync(join(root, file), 'utf8'))),
      [],
    );
  });
});
