/** Reads a YAML file key by key, so that every mistake is told with its file, its line and its key. */

import type * as YAML from 'yaml';
import { suggestion } from '../util/did-you-mean.js';

/** Why the service does not start, in words for its operator. */
export class StartError extends Error {
  override readonly name = 'StartError';

  constructor(
    message: string,
    /** Exit status: 2 where arguments or configuration are wrong, 1 where something else is in the way. */
    readonly status: 1 | 2 = 2,
  ) {
    super(message);
  }
}

interface Source {
  readonly file: string;
  /** Loaded only here, so that it need not be installed for anything else. */
  readonly yaml: typeof YAML;
  readonly document: YAML.Document;
  lineOf(offset: number): number;
}

/** One value of the file, and where it stands. */
export class Entry {
  constructor(
    /** The key, with those around it: `tls.cert`. Empty for the whole file. */
    readonly key: string,
    private readonly node: unknown,
    private readonly offset: number,
    private readonly source: Source,
  ) {}

  /** `config.yml:7: app_scheme`, with which every message about the value begins. */
  get place(): string {
    const { file, lineOf } = this.source;
    return `${file}:${lineOf(this.offset)}${this.key && `: ${this.key}`}`;
  }

  fail(problem: string): never {
    throw new StartError(`${this.place}: ${problem}`);
  }

  /** Plain text as it is written, without a need for quotes: `app_name: 2048` is a name too. */
  text(): string {
    const { value, source } = this.scalar() ?? this.fail('must be text');
    const text = typeof value === 'string' ? value : (source ?? String(value));
    return text.trim() === '' ? this.fail('must not be empty') : text;
  }

  oneOf<T extends string>(...choices: readonly T[]): T {
    const text = this.text();
    return choices.find((choice) => choice === text) ?? this.fail(`must be ${choices.join(' or ')}`);
  }

  integer(min: number, max: number): number {
    const value = this.scalar()?.value;
    if (!Number.isSafeInteger(value) || Number(value) < min || Number(value) > max) {
      this.fail(`must be a whole number from ${min} to ${max}`);
    }
    return Number(value);
  }

  boolean(): boolean {
    const value = this.scalar()?.value;
    return typeof value === 'boolean' ? value : this.fail('must be true or false');
  }

  /** The items of a list; a single value is a list of one. */
  list(): Entry[] {
    const { yaml } = this.source;
    const node = this.value();
    if (yaml.isMap(node)) this.fail('must be a list');
    return yaml.isSeq(node) ? node.items.map((item) => this.inside(this.key, item, item)) : [this];
  }

  /** The values by their keys, of which only `known` ones may be there. */
  record<K extends string>(known: readonly K[]): Map<K, Entry> {
    const { yaml } = this.source;
    const node = this.value();
    if (!yaml.isMap(node)) this.fail('must hold lines of the form "key: value"');
    const entries = new Map<K, Entry>();
    for (const { key, value } of node.items) {
      const name = yaml.isScalar(key) ? String(key.value) : '?';
      const entry = this.inside(this.key === '' ? name : `${this.key}.${name}`, value, key);
      const found = known.find((candidate) => candidate === name);
      if (found === undefined) return entry.fail(`is not a known key${suggestion(name, known)}`);
      entries.set(found, entry);
    }
    return entries;
  }

  private inside(key: string, node: unknown, place: unknown): Entry {
    const offset = this.source.yaml.isNode(place) ? place.range?.[0] : undefined;
    return new Entry(key, node, offset ?? this.offset, this.source);
  }

  private value(): unknown {
    const { yaml, document } = this.source;
    const node = yaml.isAlias(this.node) ? this.node.resolve(document) : this.node;
    if (node === undefined) this.fail('begins with *, which YAML takes for a reference: put it in quotes');
    const isEmpty = node === null || (yaml.isScalar(node) && node.value === null);
    if (isEmpty && this.key !== '') this.fail('has no value: give it one, or take the line out');
    return node;
  }

  private scalar(): YAML.Scalar | undefined {
    const node = this.value();
    return this.source.yaml.isScalar(node) ? node : undefined;
  }
}

/** @throws StartError where the text is not YAML */
export async function parseYAML(text: string, file: string): Promise<Entry> {
  const yaml = await import('yaml');
  const lineCounter = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter, prettyErrors: false });
  const lineOf = (offset: number) => Math.max(1, lineCounter.linePos(offset).line);
  const [error] = document.errors;
  if (error) {
    const line = lineOf(error.pos[0]);
    const key = /^\s*([\w-]+)\s*:/.exec(text.split('\n')[line - 1] ?? '')?.[1];
    const problem = error.code === 'DUPLICATE_KEY' ? 'is there twice' : `is not valid YAML: ${error.message}`;
    throw new StartError(`${file}:${line}: ${key === undefined ? '' : `${key}: `}${problem}`);
  }
  const offset = document.contents?.range?.[0] ?? 0;
  return new Entry('', document.contents, offset, { file, yaml, document, lineOf });
}
