/**
 * lib/api.md: the public surface as text, so that a change of it is seen where it is reviewed. Made from the
 * declarations; `LB_UPDATE_API=1 node --import tsx --test test/api.test.ts` renews it.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { it } from 'node:test';
import ts from '@tslab/typescript-for-tslab';
import { DOORS } from './publicNames';

const FILE = join(__dirname, '..', 'lib', 'api.md');
const DIST = join(__dirname, '..', 'lib', 'dist');

const HEAD = `# The public surface

Made by \`LB_UPDATE_API=1 node --import tsx --test test/api.test.ts\` from the declarations; a test compares. Comments are left out.
`;

function report(): string {
  const files = [...DOORS].map(([door, file]) => ({ door, file: file.replace(/\.js$/, '.d.ts') }));
  const program = ts.createProgram(
    files.map(({ file }) => file),
    { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  );
  const checker = program.getTypeChecker();
  const printer = ts.createPrinter({ removeComments: true });
  const aliased = (symbol: ts.Symbol): ts.Symbol =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  /** Symbols that were printed or will be. */
  const known = new Map<ts.Symbol, string>();
  const waiting: ts.Symbol[] = [];

  const isPrivate = (member: ts.ClassElement): boolean =>
    (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) !== 0 ||
    (member.name !== undefined && ts.isPrivateIdentifier(member.name));
  const publicPart = (node: ts.Node): ts.Node =>
    ts.isClassDeclaration(node)
      ? ts.factory.updateClassDeclaration(
          node,
          node.modifiers,
          node.name,
          node.typeParameters,
          node.heritageClauses,
          node.members.filter((member) => !isPrivate(member)),
        )
      : node;
  /** What a declaration names of the library without exporting it. */
  const collect = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const found = checker.getSymbolAtLocation(node);
      const symbol = found && aliased(found);
      const [declaration] = symbol?.declarations ?? [];
      const top = declaration?.parent && ts.isSourceFile(declaration.parent);
      if (symbol && top && declaration.getSourceFile().fileName.startsWith(DIST) && !known.has(symbol)) {
        known.set(symbol, symbol.name);
        waiting.push(symbol);
      }
    }
    if (ts.isClassElement(node) && isPrivate(node)) return;
    node.forEachChild(collect);
  };
  const textOf = (symbol: ts.Symbol): string =>
    symbol
      .declarations!.map((declaration) => {
        const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
        const text = printer.printNode(
          ts.EmitHint.Unspecified,
          publicPart(node),
          declaration.getSourceFile(),
        );
        return text
          .replace(/^export (default )?|^declare /gm, '')
          .replace(/^(declare|abstract declare) /gm, '');
      })
      .join('\n');
  const byName = (a: ts.Symbol, b: ts.Symbol): number => (a.name < b.name ? -1 : 1);
  const block = (lines: string[]): string => `\n\`\`\`ts\n${lines.join('\n')}\n\`\`\`\n`;

  const exported = files.map(({ door, file }) => {
    const symbols = checker
      .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!)
      .sort(byName);
    const first: { name: string; symbol: ts.Symbol }[] = [];
    const again: string[] = [];
    for (const one of symbols) {
      const symbol = aliased(one);
      const earlier = known.get(symbol);
      if (earlier === undefined) first.push({ name: one.name, symbol });
      else again.push(`// ${one.name}: as in ${earlier}`);
      known.set(symbol, earlier ?? door);
    }
    return { door, first, again };
  });
  const sections = exported.map(({ door, first, again }) => {
    const texts = first.map(({ name, symbol }) => {
      for (const declaration of symbol.declarations!) collect(declaration);
      return name === symbol.name ? textOf(symbol) : `// ${name}:\n${textOf(symbol)}`;
    });
    return `\n## ${door}\n${block([...texts, ...again])}`;
  });
  const inner: ts.Symbol[] = [];
  for (let symbol = waiting.pop(); symbol !== undefined; symbol = waiting.pop()) {
    inner.push(symbol);
    for (const declaration of symbol.declarations!) collect(declaration);
  }
  const place = (symbol: ts.Symbol): string =>
    relative(DIST, symbol.declarations![0]!.getSourceFile().fileName)
      .replaceAll('\\', '/')
      .replace('.d.ts', '');
  const named = inner
    .map((symbol) => ({ key: `${place(symbol)} ${symbol.name}`, symbol }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
  const texts = named.map(({ symbol }) => `// ${place(symbol)}\n${textOf(symbol)}`);
  const count = exported.reduce((sum, { first }) => sum + first.length, 0);
  return (
    `${HEAD}\n${count} names.\n${sections.join('')}\n## Named by these, exported by no ` +
    `door\n${block(texts)}`
  );
}

it('is what lib/api.md says', () => {
  const now = report();
  if (process.env.LB_UPDATE_API === '1') writeFileSync(FILE, now);
  assert.equal(
    now,
    readFileSync(FILE, 'utf8'),
    'the public surface has changed: LB_UPDATE_API=1 renews lib/api.md',
  );
});
