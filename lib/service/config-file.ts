/** Reads a YAML file by a schema. Every error names the file, the line and the key. */

import * as v from 'valibot';
import * as yaml from 'yaml';
import { StartError } from './start-error.js';

/** The keys of a file and their nested keys; the index for an item of a list. */
type Path = readonly (string | number)[];

export interface ConfigFile<Values> {
  readonly values: Values;
  /**
   * The error for a value that is refused later, when it is used.
   * @param key with the keys around it: `tls.cert`
   */
  mistake(key: string, problem: string, status?: 1 | 2): StartError;
}

/**
 * Scalars are text for the schema, as they are written: `app_name: 2048` is a name too.
 * @throws StartError with a line for each error
 */
export function readYAML<Schema extends v.GenericSchema>(
  text: string,
  file: string,
  schema: Schema,
): ConfigFile<v.InferOutput<Schema>> {
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  const lineOf = (path: Path) => lineAt(offsetOf(document, path));
  const messageOf = (line: number, path: Path, problem: string) => {
    const key = path.filter((part) => typeof part === 'string').join('.');
    return `${file}:${line}: ${key && `${key}: `}${problem}`;
  };

  const [error] = document.errors;
  if (error) {
    const line = lineAt(error.pos[0]);
    const key = /^\s*([\w-]+)\s*:/.exec(text.split('\n')[line - 1] ?? '')?.[1];
    // The parser quotes the text, which may be a secret: after a colon, as an escape sequence, or as a tag.
    const why = error.message.replace(/\b:\s.*|\\.*|\S*!\S*/gs, '').trim();
    const problem = error.code === 'DUPLICATE_KEY' ? 'is there twice' : `is not valid YAML: ${why}`;
    throw new StartError(messageOf(line, key === undefined ? [] : [key], problem));
  }
  yaml.visit(document, {
    Alias(_position, alias, ancestors) {
      if (alias.resolve(document)) return;
      const path = ancestors.flatMap((node) => (yaml.isPair(node) ? [String(node.key)] : []));
      const problem = 'begins with *, which YAML takes for a reference: put it in quotes';
      throw new StartError(messageOf(lineAt(alias.range?.[0] ?? 0), path, problem));
    },
  });
  const plainValues = (): unknown => {
    try {
      return document.toJS();
    } catch {
      throw new StartError(messageOf(lineOf([]), [], 'has too many references (&name and *name)'));
    }
  };
  if (!yaml.isMap(document.contents)) {
    throw new StartError(messageOf(lineOf([]), [], 'must hold lines of the form "key: value"'));
  }

  const { issues, output } = v.safeParse(schema, plainValues());
  if (issues) {
    const errors = issues.map(({ path: items = [], input, message }) => {
      const path = items.map(({ key }) => (typeof key === 'number' ? key : String(key)));
      const problem = input === '' ? 'has no value: give it one, or take the line out' : message;
      return { line: lineOf(path), path, problem };
    });
    const sorted = errors.sort((one, other) => one.line - other.line);
    throw new StartError(sorted.map(({ line, path, problem }) => messageOf(line, path, problem)).join('\n'));
  }
  const mistake = (key: string, problem: string, status?: 1 | 2) =>
    new StartError(messageOf(lineOf(key.split('.')), key.split('.'), problem), status);
  return { values: output, mistake };
}

/** Where the key or the item is written; for a missing one, what is around it. */
function offsetOf(document: yaml.Document, path: Path): number {
  let node = document.contents as unknown;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const part of path) {
    if (yaml.isAlias(node)) node = node.resolve(document);
    const [place, inside] = stepInto(node, part);
    if (yaml.isNode(place)) offset = place.range?.[0] ?? offset;
    node = inside;
  }
  return offset;
}

/** The node with the position of a path's part, and the node of its value. */
function stepInto(node: unknown, part: string | number): readonly [place: unknown, value: unknown] {
  if (yaml.isSeq(node)) {
    const item = node.items[Number(part)];
    return [item, item];
  }
  // A single value is read as a list of one.
  if (typeof part === 'number') return [undefined, node];
  const pair = yaml.isMap(node) ? node.items.find(({ key }) => String(key) === part) : undefined;
  return [pair?.key, pair?.value];
}
