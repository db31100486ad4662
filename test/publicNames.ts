/**
 * The public surface of the library: what its doors export, read from their declarations as an editor reads
 * them.
 */
import { join } from 'node:path';
import ts from '@tslab/typescript-for-tslab';
import { exports, name as packageName } from '../lib/package.json';

const LIB = join(__dirname, '..', 'lib');

/** The doors: `lookbehind`, `lookbehind/train`, ..., and the file that each leads to. */
export const DOORS: ReadonlyMap<string, string> = new Map(
  Object.entries(exports)
    .filter(([, file]) => file.endsWith('.js'))
    .map(([path, file]) => [path.replace('.', packageName), join(LIB, file)]),
);

/** A public name. */
export interface PublicName {
  /** The door that exports it. */
  door: string;
  name: string;
  /** Whether it is there at run time; types are not. */
  isValue: boolean;
  /** Its doc comment as plain text, without tags. */
  documentation: string;
  /**
   * Properties and methods of a class, an interface or an object type that are declared in the library, also
   * those that are inherited.
   */
  members: { name: string; documentation: string }[];
}

/** Every name that a door exports; one that several export, once. */
export function publicNames(): PublicName[] {
  const entries = [...DOORS].map(([door, file]) => ({ door, file: file.replace(/\.js$/, '.d.ts') }));
  const program = ts.createProgram(
    entries.map(({ file }) => file),
    { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  );
  const checker = program.getTypeChecker();
  const text = (symbol: ts.Symbol): string =>
    ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
  const isOurs = (symbol: ts.Symbol): boolean =>
    symbol.declarations?.some(
      (declaration) => !declaration.getSourceFile().fileName.includes('node_modules'),
    ) === true;
  const isPrivate = (symbol: ts.Symbol): boolean =>
    symbol.declarations!.some(
      (one) =>
        (ts.getCombinedModifierFlags(one) & ts.ModifierFlags.Private) !== 0 ||
        ts.isPrivateIdentifier((one as ts.NamedDeclaration).name ?? one),
    );
  /** `kind: 'sam'` says what it is. */
  const tellsApart = (symbol: ts.Symbol): boolean => {
    const type = checker.getTypeOfSymbolAtLocation(
      symbol,
      symbol.valueDeclaration ?? symbol.declarations![0]!,
    );
    return symbol.name === 'kind' && type.isStringLiteral();
  };
  const membersOf = (symbol: ts.Symbol): ts.Symbol[] => {
    const { Class, Interface, TypeAlias } = ts.SymbolFlags;
    if ((symbol.flags & (Class | Interface | TypeAlias)) === 0) return [];
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    const parts = type.isUnion() ? type.types : [type];
    const statics =
      symbol.flags & Class
        ? [...(symbol.exports?.values() ?? [])].filter(({ name }) => name !== 'prototype')
        : [];
    return [...statics, ...parts.flatMap((part) => part.getProperties())].filter(
      (one) => isOurs(one) && !isPrivate(one) && !tellsApart(one),
    );
  };
  const namesOf = ({ door, file }: { door: string; file: string }): PublicName[] =>
    checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!).map((exported) => {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      return {
        door,
        name: exported.name,
        isValue: (symbol.flags & ts.SymbolFlags.Value) !== 0,
        documentation: text(symbol),
        members: membersOf(symbol).map((member) => ({ name: member.name, documentation: text(member) })),
      };
    });
  const names = entries.flatMap(namesOf);
  return names.filter(({ name }, i) => names.findIndex((one) => one.name === name) === i);
}
