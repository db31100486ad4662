/**
 * What an editor shows of an option, by the TypeScript 5.0 that notebooks have: its type, and the sentence of
 * its description.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import ts from '@tslab/typescript-for-tslab';

const CELL = join(__dirname, 'cell.ts');
const DIST = join(__dirname, '..', '..', 'lib', 'dist');

/** What hovering over `name` in `code` shows. */
function hover(code: string, name: string): string {
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.CommonJS,
    target: ts.ScriptTarget.ES2022,
    strict: true,
  };
  const textOf = (file: string): string | undefined =>
    file === CELL ? code : existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  const service = ts.createLanguageService({
    getScriptFileNames: () => [CELL],
    getScriptVersion: () => '1',
    getScriptSnapshot: (file) => {
      const text = textOf(file);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => __dirname,
    getCompilationSettings: () => options,
    getDefaultLibFileName: (one) => ts.getDefaultLibFilePath(one),
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    directoryExists: ts.sys.directoryExists,
  });
  assert.deepEqual(service.getSemanticDiagnostics(CELL), []);
  const info = service.getQuickInfoAtPosition(CELL, code.indexOf(`${name}:`))!;
  return `${ts.displayPartsToString(info.displayParts)} // ${ts.displayPartsToString(info.documentation)}`;
}

it('shows type and sentence of options, also of those that another optimizer lends', () => {
  const code = `import { lookbehindASAM } from '${join(DIST, 'optimizers')}';
lookbehindASAM({ k: 5, alpha: 'adaptive', momentum: 0.9, eta: 0.01 });`;
  assert.equal(
    hover(code, 'k'),
    '(property) k?: number | undefined // Steps back per step forward. Paper: k. At least 1. Default 2.',
  );
  assert.match(
    hover(code, 'alpha'),
    /alpha\?: number \| "adaptive" \| undefined \/\/ Share of the fast weights/,
  );
  assert.match(
    hover(code, 'momentum'),
    /momentum\?: number \| undefined \/\/ Momentum factor, 0 to 1\. Default 0\./,
  );
  assert.match(hover(code, 'eta'), /eta\?: number \| undefined \/\/ Added to \|w\|/);
});

it('shows those of configurations of runs', () => {
  const code = `import type { RunConfig } from '${join(DIST, 'runs', 'index')}';
const run: RunConfig = { data: { kind: 'mnist', pool: 2 }, model: { kind: 'mlp', hidden: [3] }, optimizer: 'sgd', epochs: 3 };
run;`;
  assert.match(hover(code, 'epochs'), /epochs: number \/\/ Passes over the training set/);
  assert.match(hover(code, 'pool'), /pool\?: number \| undefined \/\/ Side of the pixel blocks/);
  assert.match(hover(code, 'hidden'), /hidden: readonly number\[\] \/\/ Units of each hidden layer/);
});
