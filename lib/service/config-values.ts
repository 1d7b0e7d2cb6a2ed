/** What each value of the configuration has to be, and what is made of it. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Entry } from './checked-yaml.js';
import { canParse, parsedURL } from '../util/url.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface TLSFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export function readName(entry: Entry): string {
  const name = entry.text();
  // Mastodon refuses longer names.
  return [...name].length <= 60 ? name : entry.fail('must have at most 60 characters');
}

/** A host name as browsers write it, with a port if it has one. */
export function readHost(entry: Entry): string {
  const text = entry.text();
  const url = parsedURL(`http://${text}`);
  if (url === undefined || /[/?#@\\\s]/.test(text)) {
    entry.fail('must be a host name such as auth.example.com, without scheme or path');
  }
  return url.host;
}

export function readScheme(entry: Entry | undefined, host: string): 'http' | 'https' {
  const scheme = entry?.oneOf('http', 'https') ?? 'https';
  const isThisMachine = /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(host);
  if (scheme === 'http' && !isThisMachine) {
    // Codes and tokens would cross the network in the clear, and servers refuse to send them there.
    entry?.fail('must be https unless app_host is localhost; give tls, or put a proxy with TLS before it');
  }
  return scheme;
}

export function readWebsite(entry: Entry): string {
  const text = entry.text();
  const isURL = /^https?:\/\/[\x21-\x7e]+$/i.test(text) && canParse(text) && text.length <= 2000;
  return isURL ? text : entry.fail('must be a URL such as https://example.com');
}

export function readScopes(entry: Entry): string {
  const scopes = entry.list().flatMap((item) =>
    item
      .text()
      .trim()
      .split(/[\s,]+/),
  );
  const isScope = (scope: string) => /^[!#-[\]-~]+$/.test(scope);
  if (scopes.length === 0 || !scopes.every(isScope)) {
    entry.fail('must be names of scopes, as a list or separated by spaces: read write');
  }
  return [...new Set(scopes)].join(' ');
}

/** `8080`, `:8080` (every address of this machine), `127.0.0.1:8080`, `[::1]:8080`. */
export function readListen(entry: Entry): ListenAddress {
  const text = entry.text();
  const match = /^(?:(\[[\da-f:.]+\]|[a-z\d.-]*):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) entry.fail('must be a port, or an address and a port: 127.0.0.1:8080');
  const host = match[1]?.replace(/^\[|\]$/g, '');
  return { host: host === '' ? '::' : (host ?? '127.0.0.1'), port };
}

export function readPath(entry: Entry): string {
  const text = entry.text();
  return /^\/[\w\-.~/]*$/.test(text) ? text : entry.fail('must be a path such as /socket');
}

export function readTLS(entry: Entry, folder: string, scheme: 'http' | 'https'): TLSFiles {
  if (scheme === 'http') entry.fail('is of no use with app_scheme: http');
  const parts = entry.record(['cert', 'key']);
  const read = (name: 'cert' | 'key'): Buffer => {
    const part = parts.get(name) ?? entry.fail(`needs ${name}, the path of a PEM file`);
    try {
      return readFileSync(resolve(folder, part.text()));
    } catch (error) {
      return part.fail(`cannot be read (${codeOf(error)})`);
    }
  };
  const tls = { cert: read('cert'), key: read('key') };
  try {
    createSecureContext(tls);
  } catch (error) {
    entry.fail(`cert and key are not a certificate and its private key (${codeOf(error)})`);
  }
  return tls;
}

export function readRedisURL(entry: Entry): string {
  const text = entry.text();
  // It may hold a password and is not repeated.
  return canParse(text) && /^rediss?:\/\/[^/]/.test(text)
    ? text
    : entry.fail('must be a URL such as redis://localhost:6379');
}

/** Not repeated where it is wrong. */
export function readSecret(entry: Entry): string {
  const text = entry.text();
  return /^[\x21-\x7e]{16,}$/.test(text)
    ? text
    : entry.fail('must have at least 16 characters, without spaces: openssl rand -hex 16 makes one');
}

export function readHosts(entry: Entry): RegExp[] {
  return entry.list().map((item) => {
    const text = item.text().toLowerCase();
    const name = text.replace(/^\*\./, '');
    const host = parsedURL(`http://${name}`)?.host;
    if (host === undefined || /[/?#@*\s]/.test(name)) {
      return item.fail('must hold hosts such as mastodon.social or *.example.com');
    }
    const escaped = host.replaceAll('.', '\\.').replace(/[[\]]/g, '\\$&');
    return new RegExp(`^${text === name ? '' : '(?:[^.]+\\.)+'}${escaped}$`);
  });
}

/** Which hosts may be logged in at; undefined where all may. What is denied counts more than what is allowed. */
export function instanceFilter(
  allowed?: readonly RegExp[],
  denied: readonly RegExp[] = [],
): ((host: string) => boolean) | undefined {
  if (allowed === undefined && denied.length === 0) return undefined;
  const isIn = (hosts: readonly RegExp[], host: string) => hosts.some((pattern) => pattern.test(host));
  return (host: string) => (allowed === undefined || isIn(allowed, host)) && !isIn(denied, host);
}

export function readOrigins(entry: Entry): string[] {
  return entry.list().map((item) => {
    const text = item.text().replace(/\/$/, '');
    const origin = parsedURL(text)?.origin;
    return origin !== undefined && /^https?:/.test(origin) && origin === text.toLowerCase()
      ? origin
      : item.fail('must hold origins such as https://example.com or http://localhost:4000');
  });
}

/** Of pages that may connect; extensions of browsers have schemes of their own. */
export function readPageOrigins(entry: Entry): string[] {
  return entry.list().flatMap((item) => {
    const text = item.text();
    const isOther = /^(?!https?:)[a-z][a-z\d+.-]*:\/\/[^/?#\s]+$/i.test(text);
    return text === '*' || isOther ? text : readOrigins(item);
  });
}

export function resolveKeepingSlash(folder: string, path: string): string {
  return resolve(folder, path) + (path.endsWith('/') ? '/' : '');
}

export function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? 'unknown error';
}

/** Limits by their names in options (`maxSockets`), from their names in the file (`max_sockets`). */
export function readLimits<L extends Readonly<Record<string, number>>>(
  entry: Entry,
  byDefault: L,
): Partial<L> {
  const names = new Map(
    Object.keys(byDefault).map((name) => [name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), name]),
  );
  const limits = [...entry.record([...names.keys()])].map(([key, value]) => [
    names.get(key),
    // setTimeout takes no more.
    value.integer(1, 0x7fffffff),
  ]);
  return Object.fromEntries(limits) as Partial<L>;
}
