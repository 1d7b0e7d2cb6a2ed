/** No exported type is `any`, because it would hide mistakes wherever it is used. */

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';

jest.setTimeout(120_000);

const root = resolve(__dirname, '..', '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { require: { types: string } }>;
};

/** The declarations of each entry point. */
const entryPoints = Object.entries(manifest.exports).flatMap(([name, target]) => {
  if (typeof target === 'string') return [];
  return [[name, join(root, target.require.types)]] as [string, string][];
});

const compilerOptions: ts.CompilerOptions = {
  module: ts.ModuleKind.Node16,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
  types: ['node'],
  strict: true,
  noEmit: true,
  esModuleInterop: true,
  skipLibCheck: true,
};

const isOfExpress = (symbol: ts.Symbol | undefined) =>
  symbol?.declarations?.some((declaration) => /@types\/express/.test(declaration.getSourceFile().fileName));

const isPrivate = (symbol: ts.Symbol) =>
  symbol.declarations?.some(
    (declaration) =>
      (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Private) !== 0 ||
      (ts.isPropertyDeclaration(declaration) && ts.isPrivateIdentifier(declaration.name)),
  ) ?? false;

const everywhere = join(__dirname, 'any-everywhere.d.ts');
const program = ts.createProgram([...entryPoints.map(([, path]) => path), everywhere], compilerOptions);
const checker = program.getTypeChecker();

/** Every `any`, as a path from an export; the declarations of other packages and of the language are left out. */
function placesOfAny(files: readonly string[], isOurs: (path: string) => boolean): string[] {
  const seen = new Set<ts.Type>();
  const found: string[] = [];

  const isDeclaredHere = (symbol: ts.Symbol | undefined) =>
    symbol?.declarations?.some((declaration) => isOurs(declaration.getSourceFile().fileName)) ?? false;

  const visit = (type: ts.Type, path: string): void => {
    if (type.flags & ts.TypeFlags.Any) return void found.push(path);
    if (seen.has(type)) return;
    seen.add(type);
    // Express itself declares body and query as any.
    if (isOfExpress(type.symbol)) return;
    if (type.isUnionOrIntersection()) return type.types.forEach((part) => visit(part, path));
    for (const argument of checker.getTypeArguments(type as ts.TypeReference)) visit(argument, `${path}<>`);
    for (const { type: value } of checker.getIndexInfosOfType(type)) visit(value, `${path}[]`);
    // The types of other packages (Buffer, IncomingMessage) are not checked.
    const symbol = type.aliasSymbol ?? type.symbol;
    if (symbol && !isDeclaredHere(symbol)) return;
    for (const signature of [
      ...type.getCallSignatures(),
      ...checker.getSignaturesOfType(type, ts.SignatureKind.Construct),
    ]) {
      for (const parameter of signature.getParameters()) visitSymbol(parameter, `${path}(${parameter.name})`);
      visit(signature.getReturnType(), `${path}()`);
    }
    for (const property of type.getProperties()) {
      if (isDeclaredHere(property) && !isPrivate(property)) visitSymbol(property, `${path}.${property.name}`);
    }
  };
  const visitSymbol = (symbol: ts.Symbol, path: string): void => {
    const type = checker.getTypeOfSymbol(symbol);
    visit(type, path);
  };

  for (const file of files) {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    if (!module) throw new Error(`${file} exports nothing`);
    for (const exported of checker.getExportsOfModule(module)) {
      const meant = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (meant.flags & ts.SymbolFlags.Value) visitSymbol(meant, exported.name);
      if (meant.flags & ts.SymbolFlags.Type) visit(checker.getDeclaredTypeOfSymbol(meant), exported.name);
    }
  }
  return found;
}

it('every entry point has declarations', () => {
  expect(entryPoints.map(([name]) => name)).toEqual(
    expect.arrayContaining(['.', './web', './bridge', './issuer']),
  );
});

it('none of them contains an any', () => {
  const dist = join(root, 'dist').replaceAll('\\', '/');
  expect(
    placesOfAny(
      entryPoints.map(([, path]) => path),
      (path) => path.startsWith(dist),
    ),
  ).toEqual([]);
});

it('the check detects one in a parameter, a result, a member, a list and an index', () => {
  expect(placesOfAny([everywhere], (path) => path === everywhere)).toEqual([
    'take(what)',
    'give()',
    'Box.inside',
    'Box.many<>',
    'Box.many[]',
    'Box.later<>',
    'Box.named[]',
  ]);
});
