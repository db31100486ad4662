/** The public surface of the library, read from its declarations as an editor reads them. */
import { join } from 'node:path';
import ts from '@tslab/typescript-for-tslab';

/** A public name. */
export interface PublicName {
  /** As it is reached: `lookbehindSAM`, `figures.curves`. */
  name: string;
  /** Whether it is there at run time; types are not. */
  isValue: boolean;
  /** Its doc comment as plain text, without tags. */
  documentation: string;
  /** Properties and methods of a class, an interface or an object type that are declared in the library, also those that are inherited. */
  members: { name: string; documentation: string }[];
}

/** The namespace of TensorFlow.js is not ours to document. */
const FOREIGN = ['tf'];

/** Every name that `lookbehind` exports, also those inside its namespaces. */
export function publicNames(): PublicName[] {
  const entry = join(__dirname, '..', 'lib', 'dist', 'index.d.ts');
  const program = ts.createProgram([entry], { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 });
  const checker = program.getTypeChecker();
  const text = (symbol: ts.Symbol): string => ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
  const isOurs = (symbol: ts.Symbol): boolean =>
    symbol.declarations?.some((declaration) => !declaration.getSourceFile().fileName.includes('node_modules')) === true;
  const isPrivate = (symbol: ts.Symbol): boolean =>
    symbol.declarations!.some(
      (one) =>
        (ts.getCombinedModifierFlags(one) & ts.ModifierFlags.Private) !== 0 ||
        ts.isPrivateIdentifier((one as ts.NamedDeclaration).name ?? one),
    );
  /** `kind: 'sam'` says what it is. */
  const tellsApart = (symbol: ts.Symbol): boolean => {
    const type = checker.getTypeOfSymbolAtLocation(symbol, symbol.valueDeclaration ?? symbol.declarations![0]!);
    return symbol.name === 'kind' && type.isStringLiteral();
  };
  const membersOf = (symbol: ts.Symbol): ts.Symbol[] => {
    const { Class, Interface, TypeAlias } = ts.SymbolFlags;
    if ((symbol.flags & (Class | Interface | TypeAlias)) === 0) return [];
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    const parts = type.isUnion() ? type.types : [type];
    const statics = symbol.flags & Class ? [...(symbol.exports?.values() ?? [])].filter(({ name }) => name !== 'prototype') : [];
    return [...statics, ...parts.flatMap((part) => part.getProperties())].filter(
      (one) => isOurs(one) && !isPrivate(one) && !tellsApart(one),
    );
  };

  const namesOf = (module: ts.Symbol, prefix: string): PublicName[] =>
    checker.getExportsOfModule(module).flatMap((exported) => {
      if (FOREIGN.includes(exported.name)) return [];
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (symbol.flags & ts.SymbolFlags.ValueModule) return namesOf(symbol, `${exported.name}.`);
      return [
        {
          name: `${prefix}${exported.name}`,
          isValue: (symbol.flags & ts.SymbolFlags.Value) !== 0,
          documentation: text(symbol),
          members: membersOf(symbol).map((member) => ({ name: member.name, documentation: text(member) })),
        },
      ];
    });

  return namesOf(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!, '');
}
