/** The committed notebooks: their outputs are those of their code, and notebooks/README.md lists them all. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Judged } from 'lookbehind/statistics';

const root = join(__dirname, '..', '..');
const folder = join(root, 'notebooks');
const names = readdirSync(folder).filter((name) => name.endsWith('.ipynb'));

interface Cell {
  cell_type: string;
  source: string[];
  metadata: object;
  outputs?: { data?: Record<string, string | string[]> }[];
}

interface Notebook {
  cells: Cell[];
  metadata: {
    kernelspec?: { name: string };
    lookbehind?: { cells: string; profile: string; results: string };
  };
}

/** What is used of the scripts, which are plain JavaScript. */
interface Scripts {
  'stamp.mjs': {
    staleness(notebook: Notebook): string | undefined;
    stampOf(notebook: Notebook, profile: string): { cells: string; profile: string; results: string };
  };
  'catalog.mjs': {
    entryOf(name: string): Entry;
    indexWith(entries: Entry[]): string;
    readmeWith(entries: Entry[]): string;
    imageFile(entry: Entry): string;
  };
  'format.mjs': {
    formatNotebooks(files: string[], options: { check: boolean }): string[];
    lintNotebooks(files: string[]): string[];
  };
}

interface Entry {
  name: string;
  claim: string;
  time: string;
  picture?: Buffer;
  verdicts: Judged[];
  headline: string[];
}

const load = <N extends keyof Scripts>(name: N): Promise<Scripts[N]> =>
  import(pathToFileURL(join(root, 'scripts', 'notebooks', name)).href) as Promise<Scripts[N]>;
const read = (name: string): Notebook => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Notebook;

describe('a committed notebook', () => {
  let staleness: Scripts['stamp.mjs']['staleness'];
  let stampOf: Scripts['stamp.mjs']['stampOf'];
  before(async () => {
    ({ staleness, stampOf } = await load('stamp.mjs'));
  });

  for (const name of names) {
    it(`${name} has the outputs of its code, and our kernel`, () => {
      const notebook = read(name);
      assert.equal(staleness(notebook), undefined, `run "npm run notebooks -- ${name.slice(0, 2)}"`);
      assert.equal(notebook.metadata.kernelspec?.name, 'tslab');
    });
  }

  it('is stale where a cell was edited, the library gives other results, or too little was computed; not where text was edited', () => {
    const notebook: Notebook = {
      cells: [
        { cell_type: 'markdown', source: ['# Title'], metadata: {} },
        { cell_type: 'code', source: ['const a = 1;\n', 'console.log(a);'], metadata: {} },
      ],
      metadata: {},
    };
    assert.match(staleness(notebook)!, /was not executed by "npm run notebooks"/);
    const stamp = stampOf(notebook, 'quick');
    const problem = (change: (changed: Notebook) => void): string | undefined => {
      const changed = structuredClone({ ...notebook, metadata: { lookbehind: stamp } });
      change(changed);
      return staleness(changed);
    };
    assert.equal(
      problem(() => {}),
      undefined,
    );
    assert.equal(
      problem(({ cells }) => {
        cells[0]!.source = ['# Another title'];
      }),
      undefined,
    );
    assert.match(
      problem(({ cells }) => {
        cells[1]!.source = ['const a = 2;\n', 'console.log(a);'];
      })!,
      /a cell was changed/,
    );
    assert.match(
      problem(({ metadata }) => {
        metadata.lookbehind!.results = 'earlier';
      })!,
      /are of earlier/,
    );
    assert.match(
      problem(({ metadata }) => {
        metadata.lookbehind!.profile = 'smoke';
      })!,
      /profile smoke/,
    );
  });
});

describe('the index', () => {
  it('lists every notebook with its picture, claim, minutes and verdicts, as they are now', async () => {
    const { entryOf, indexWith, readmeWith, imageFile } = await load('catalog.mjs');
    const remedy = 'run "npm run notebooks -- --index"';
    const entries = names.sort().map(entryOf);
    for (const entry of entries) {
      assert.match(entry.time, /`quick`.*\d+ (second|minute)|\d+ (second|minute).*`quick`/, entry.name);
      assert.ok(entry.picture, `${entry.name} shows no figure`);
      assert.deepEqual(readFileSync(imageFile(entry)), entry.picture, remedy);
    }
    assert.equal(readFileSync(join(folder, 'README.md'), 'utf8'), indexWith(entries), remedy);
    assert.equal(readFileSync(join(root, 'README.md'), 'utf8'), readmeWith(entries), remedy);
  });

  it('is filled with verdicts, and README.md with the headline and the first of each notebook', async () => {
    const { entryOf, indexWith, readmeWith } = await load('catalog.mjs');
    const judged = {
      claim: 'It is less.',
      protocol: 'Paired',
      found: '-1.0 [-2.0, -0.1] points',
      n: 5,
      comparisons: 2,
      cost: '6, SAM 2',
    };
    const verdicts = [
      { ...judged, verdict: 'holds here' },
      { ...judged, claim: 'It is more.', cost: '', comparisons: 1, verdict: 'not decided (n = 5)' },
    ];
    const headline = ['| method |\n| --- |', 'A sentence.'];
    const entries = [{ ...entryOf('00-walkthrough.ipynb'), verdicts, headline }];
    const first =
      '**holds here**: It is less (Paired): -1.0 [-2.0, -0.1] points; n = 5, Holm-corrected for 2, ' +
      'gradients: 6, SAM 2.';
    const second = '**not decided**: It is more (Paired): -1.0 [-2.0, -0.1] points; n = 5.';
    const line = `Holds here: 1 of 2; does not hold here: 0; not decided: 1. The first: ${first}`;
    const all = `<details><summary>All verdicts</summary>\n\n- ${first}\n- ${second}\n\n</details>`;
    assert.ok(indexWith(entries).includes(`\n\n${line}\n\n${all}\n\n<small>`));
    const readme = readmeWith(entries);
    assert.ok(
      readme.includes(
        `-->\n\n- [Lookbehind-SAM in one sitting](notebooks/00-walkthrough.ipynb): ${first}\n\n<!--`,
      ),
    );
    assert.ok(!readme.includes(second));
    assert.ok(readme.includes('-->\n\n| method |\n| --- |\n\nA sentence.\n\n<!--'));
  });

  it('links and pictures lead somewhere', () => {
    for (const file of ['README.md', 'notebooks/README.md']) {
      const text = readFileSync(join(root, file), 'utf8');
      const targets = [...text.matchAll(/\]\(([^)\s#]+)\)|(?:src|href)="([^"#]+)"/g)].map(
        ([, link, source]) => link ?? source!,
      );
      const local = targets.filter((target) => !/^https?:/.test(target));
      assert.ok(local.length > 3);
      assert.deepEqual(
        local.filter((target) => !existsSync(join(root, file, '..', target))),
        [],
        file,
      );
    }
  });
});
