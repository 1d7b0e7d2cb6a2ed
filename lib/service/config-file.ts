/** Reads a YAML file key by key. Every error names the file, the line and the key. */

import * as yaml from 'yaml';
import { suggestion } from '../util/did-you-mean.js';
import { StartError } from './start-error.js';

/** The keys of a file and their nested keys; the index for an item of a list. */
type Path = readonly (string | number)[];

/**
 * What a value may be: a text that the function reads, or refuses with an error whose message says what it must be; `[kind]` is
 * a list, where a single value is a list of one; `[kind, map]` a value or a map; and an object a map with these keys alone.
 */
export type ValueKind =
  ((text: string) => unknown) | readonly [ValueKind] | readonly [ValueKind, ValueKinds] | ValueKinds;
export interface ValueKinds {
  readonly [key: string]: ValueKind;
}

/** The values of a kind. A key may be absent. */
export type ValueOf<K> = K extends (text: string) => infer Value
  ? Value
  : K extends readonly [infer Item]
    ? readonly ValueOf<Item>[]
    : K extends readonly [infer One, infer Other]
      ? ValueOf<One> | ValueOf<Other>
      : { readonly [Key in keyof K]?: ValueOf<K[Key]> };

/** Text that `read` turns into a value, or refuses with `undefined`. */
export function readAs<Value>(problem: string, read: (text: string) => Value | undefined) {
  return (text: string): Value => {
    const value = read(text);
    if (value === undefined) throw new Error(problem);
    return value;
  };
}

export const text = (given: string): string => given;

export const flag = readAs('must be true or false', (given) =>
  given === 'true' || given === 'false' ? given === 'true' : undefined,
);

export const wholeNumber = (least: number, most: number) =>
  readAs(`must be a whole number from ${least} to ${most}`, (given) => {
    const number = /^\d+$/.test(given) ? Number(given) : NaN;
    return number >= least && number <= most ? number : undefined;
  });

export interface ConfigFile {
  /** A `ValueOf` the kinds. */
  readonly values: unknown;
  /** As they are written: text, lists and maps. */
  readonly texts: unknown;
  /**
   * The error for a value that is refused later, when it is used.
   * @param key with the keys around it: `tls.cert`, `clients.0.origins`
   */
  mistake(key: string, problem: string, status?: 1 | 2): StartError;
}

/**
 * Scalars are text, as they are written: `app_name: 2048` is a name too.
 * @param required keys without which their map is refused
 * @throws StartError with a line for each error
 */
export function readYAML(
  yamlText: string,
  file: string,
  kinds: ValueKinds,
  required: readonly string[],
): ConfigFile {
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(yamlText, {
    schema: 'failsafe',
    lineCounter: lines,
    prettyErrors: false,
  });
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  const lineOf = (path: Path) => lineAt(offsetOf(document, path));
  const messageOf = (line: number, path: Path, problem: string) => {
    const key = path.filter((part) => typeof part === 'string').join('.');
    return `${file}:${line}: ${key && `${key}: `}${problem}`;
  };

  const [error] = document.errors;
  if (error) {
    const line = lineAt(error.pos[0]);
    const key = /^\s*([\w-]+)\s*:/.exec(yamlText.split('\n')[line - 1] ?? '')?.[1];
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
  let texts: unknown;
  try {
    texts = document.toJS();
  } catch {
    throw new StartError(messageOf(lineOf([]), [], 'has too many references (&name and *name)'));
  }

  const problems: { readonly line: number; readonly message: string }[] = [];
  const refuse = (path: Path, problem: string) => {
    const line = lineOf(path);
    problems.push({ line, message: messageOf(line, path, problem) });
  };
  const read = (value: unknown, kind: ValueKind, path: Path): unknown => {
    if (typeof value === 'string' && value.trim() === '')
      return refuse(path, 'has no value: give it one, or take the line out');
    if (typeof kind === 'function') {
      if (typeof value !== 'string') return refuse(path, 'must be text');
      try {
        return kind(value);
      } catch (error) {
        return refuse(path, (error as Error).message);
      }
    }
    if (kind instanceof Array) {
      if (kind.length === 2) return read(value, kind[isTable(value) ? 1 : 0], path);
      return [value].flat().map((item, i) => read(item, kind[0], [...path, i]));
    }
    if (!isTable(value)) return refuse(path, 'must hold lines of the form "key: value"');
    const names = Object.keys(kind);
    const entries = Object.entries(value).map(([name, inner]) => {
      const known = Object.hasOwn(kind, name) ? kind[name] : undefined;
      if (known) return [name, read(inner, known, [...path, name])];
      return [name, refuse([...path, name], `is not a known key${suggestion(name, names)}`)];
    });
    for (const name of required) {
      if (names.includes(name) && !Object.hasOwn(value, name)) refuse([...path, name], 'is missing');
    }
    return Object.fromEntries(entries);
  };
  const values = read(texts, kinds, []);
  if (problems.length > 0) {
    const sorted = problems.sort((one, other) => one.line - other.line);
    throw new StartError(sorted.map(({ message }) => message).join('\n'));
  }
  return {
    values,
    texts,
    mistake(key, problem, status) {
      const path = key.split('.').map((part) => (/^\d+$/.test(part) ? Number(part) : part));
      return new StartError(messageOf(lineOf(path), path, problem), status);
    },
  };
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where the key or the item is written; for a missing one, what is around it. */
function offsetOf(document: yaml.Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const part of path) {
    if (yaml.isAlias(node)) node = node.resolve(document);
    const item = yaml.isSeq(node) ? node.items[Number(part)] : undefined;
    const pair = yaml.isMap(node) ? node.items.find(({ key }) => String(key) === part) : undefined;
    const place = pair?.key ?? item;
    if (yaml.isNode(place)) offset = place.range?.[0] ?? offset;
    // A single value is read as a list of one.
    if (typeof part !== 'number' || item !== undefined) node = pair?.value ?? item;
  }
  return offset;
}
