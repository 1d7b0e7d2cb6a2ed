/** A declaration as Markdown: its docstring, its signature, and a table of its members. */

import ts from 'typescript';

export function withDeclaration(name, symbol, checker, declared, page) {
  const declarations = symbol.declarations ?? [];
  const [first] = declarations;
  const lines = [`## ${name}`, ''];
  if (first === undefined) return lines.join('\n');
  for (const declaration of declarations) {
    // The implementation of an overloaded function is not part of its signature.
    if (declarations.length > 1 && declaration.body) continue;
    lines.push(...docOf(declaration), ...headOf(name, declaration, checker, declared, page));
  }
  return lines.join('\n');
}

/** A text of code in one line, as the reader would write it. */
const flat = (text) =>
  text
    .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
    .replace(/\s+/g, ' ')
    .replace(/([(<]) /g, '$1')
    .replace(/ >/g, '>')
    .replace(/, \| /g, ', ')
    .replace(/,? \)/g, ')')
    .replace(/^\| /, '')
    .trim();
const code = (text) => `\`${flat(text)}\``;
const cell = (text) => text.replaceAll('|', '\\|').replace(/\s*\n\s*/g, ' ');

function headOf(name, node, checker, declared, page) {
  if (ts.isFunctionDeclaration(node)) return [code(signature(name, node)), ''];
  if (ts.isTypeAliasDeclaration(node)) {
    const { type } = node;
    if (ts.isTypeLiteralNode(type)) return [...membersOf(type.members)];
    const names = namesIn(type, checker);
    if (names.length > 0) return [code(`type ${name} = ${names.join(' | ')}`), ''];
    return [code(`type ${name} = ${type.getText()}`), ''];
  }
  if (ts.isVariableDeclaration(node)) {
    const literal = objectIn(node.initializer);
    if (literal && !node.type) return membersOf(literal.properties);
    const type = node.type?.getText() ?? (node.initializer ? shortOf(node.initializer) : '');
    return [code(`const ${name}${node.type ? ': ' : ' = '}${type}`), ''];
  }
  if (ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node)) {
    const bases = (node.heritageClauses ?? []).flatMap(({ types }) => types);
    const known = [];
    const inlined = [];
    for (const base of bases) {
      const symbol = aliased(checker, base.expression);
      const place = declared.get(symbol);
      const declaration = symbol?.declarations?.find(ts.isInterfaceDeclaration);
      if (place) known.push(linkTo(place, page));
      else if (declaration) inlined.push(...allMembers(declaration, checker, declared, known, page));
      else known.push(...unexported(base, symbol, checker, declared, page));
    }
    const own = [...node.members].filter(isPublic);
    const rest = inlined.filter((one) => !own.some((mine) => mine.name?.getText() === one.name?.getText()));
    const extending = known.length === 0 ? [] : [`With everything of ${known.join(' and ')}.`, ''];
    return [...extending, ...membersOf([...own, ...rest])];
  }
  return [];
}

function allMembers(declaration, checker, declared, known, page) {
  const inherited = (declaration.heritageClauses ?? [])
    .flatMap(({ types }) => types)
    .flatMap((base) => {
      const symbol = aliased(checker, base.expression);
      const place = declared.get(symbol);
      if (place) known.push(linkTo(place, page));
      const next = place ? undefined : symbol?.declarations?.find(ts.isInterfaceDeclaration);
      return next ? allMembers(next, checker, declared, known, page) : [];
    });
  return [...declaration.members, ...inherited];
}

function aliased(checker, expression) {
  const symbol = checker.getSymbolAtLocation(expression);
  return symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** The declaration of a name that is not exported, and the page that describes it. */
function unexported(base, symbol, checker, declared, page) {
  const alias = symbol?.declarations?.find(ts.isTypeAliasDeclaration);
  if (alias === undefined) return [code(base.getText())];
  const [source] = alias.type.typeArguments ?? [];
  const place = source && declared.get(aliased(checker, source.typeName));
  return [`${code(alias.type.getText())}${place ? ` (see ${linkTo(place, page)})` : ''}`];
}

/** For `keyof typeof table`: the names in the table. */
function namesIn(type, checker) {
  if (!ts.isTypeOperatorNode(type) || !ts.isTypeQueryNode(type.type)) return [];
  const table = aliased(checker, type.type.exprName)?.valueDeclaration;
  return (objectIn(table?.initializer)?.properties ?? []).map(
    ({ name }) => `'${name.getText().replace(/'/g, '')}'`,
  );
}

function objectIn(node) {
  if (node === undefined) return undefined;
  if (ts.isAsExpression(node) || ts.isSatisfiesExpression(node)) return objectIn(node.expression);
  return ts.isObjectLiteralExpression(node) ? node : undefined;
}

function linkTo(place, page) {
  return `[\`${place.name}\`](${place.page === page ? '' : `${place.page}.md`}#${place.name.toLowerCase()})`;
}

/** Members that only a browser calls. */
const calledByBrowsers =
  /^(connectedCallback|disconnectedCallback|attributeChangedCallback|observedAttributes)$/;

function isPublic(member) {
  if (ts.getJSDocTags(member).some((tag) => tag.tagName.text === 'internal')) return false;
  if (ts.isSetAccessorDeclaration(member) || calledByBrowsers.test(member.name?.getText() ?? ''))
    return false;
  if (ts.isClassElement(member) && member.name && ts.isComputedPropertyName(member.name)) return false;
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  if (ts.getCombinedModifierFlags(member) & hidden) return false;
  if (member.name && ts.isPrivateIdentifier(member.name)) return false;
  return !(ts.isConstructorDeclaration(member) && member.body && hasOverloads(member));
}

function hasOverloads(member) {
  return member.parent.members.filter((one) => ts.isConstructorDeclaration(one)).length > 1;
}

function membersOf(members) {
  if (members.length === 0) return [];
  const rows = [...members].map(
    (member) =>
      `| ${cell(code(memberText(member)))} | ${cell(docOf(member).filter(Boolean).join(' ')).trim()} |`,
  );
  return ['| | |', '|---|---|', ...rows, ''];
}

function memberText(member) {
  const name = member.name?.getText() ?? '';
  if (ts.isConstructorDeclaration(member)) return signature(`new ${member.parent.name?.getText()}`, member);
  if (ts.isMethodSignature(member) || ts.isMethodDeclaration(member)) {
    return signature(`${name}${member.questionToken ? '?' : ''}`, member);
  }
  if (
    ts.isGetAccessorDeclaration(member) ||
    ts.isPropertySignature(member) ||
    ts.isPropertyDeclaration(member)
  ) {
    const isOptional = member.questionToken !== undefined;
    const type = member.type?.getText() ?? (member.initializer ? shortOf(member.initializer) : '');
    const text = isOptional ? type.replace(/ \| undefined$/, '') : type;
    return `${name}${isOptional ? '?' : ''}${text && `: ${text}`}`;
  }
  if (ts.isPropertyAssignment(member)) return `${name}: ${member.initializer.getText()}`;
  return member.getText().replace(/;$/, '');
}

function signature(name, node) {
  const generics = node.typeParameters
    ? `<${node.typeParameters.map((one) => one.getText()).join(', ')}>`
    : '';
  const parameters = node.parameters.map(parameterText).join(', ');
  return `${name}${generics}(${parameters})${node.type ? `: ${node.type.getText()}` : ''}`;
}

function parameterText(one) {
  const name = ts.isIdentifier(one.name) ? one.name.text : 'options';
  const isOptional = one.questionToken !== undefined || one.initializer !== undefined;
  return `${one.dotDotDotToken ? '...' : ''}${name}${isOptional ? '?' : ''}${one.type ? `: ${one.type.getText()}` : ''}`;
}

function shortOf(initializer) {
  const text = flat(initializer.getText());
  return text.length > 80 ? '…' : text;
}

/** A docstring as paragraphs, with the texts of its tags. */
function docOf(node) {
  const holder = ts.isVariableDeclaration(node) ? node.parent.parent : node;
  const docs = (holder.jsDoc ?? []).slice(-1);
  return docs.flatMap(({ comment, tags = [] }) => {
    const text = prose(ts.getTextOfJSDocComment(comment) ?? '');
    const told = tags.map(tagText).filter((line) => line !== '');
    return [...(text === '' ? [] : [text, '']), ...told.flatMap((line) => [line, ''])];
  });
}

function tagText(tag) {
  const text = prose(ts.getTextOfJSDocComment(tag.comment) ?? '');
  const name = tag.tagName.text;
  if (name === 'param') return `\`${tag.name.getText()}\`: ${text}.`;
  if (name === 'returns') return `Returns ${text}.`;
  if (name === 'throws') return `Throws ${text}.`;
  return text;
}

/** HTML tags would disappear. */
function prose(text) {
  return text
    .split(/(`[^`]*`)/)
    .map((part, n) => (n % 2 === 0 ? part.replaceAll('<', '&lt;') : part))
    .join('')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
}
