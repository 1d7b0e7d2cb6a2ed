/** Schemas for the values of a configuration. Each message says what the value must be, and repeats no secret. */

import * as v from 'valibot';
import { suggestion } from '../util/did-you-mean.js';
import { parsedURL } from '../util/url.js';

/** A map with these keys and no others. */
export const table = <Keys extends v.ObjectEntries>(keys: Keys) =>
  v.strictObject(keys, ({ expected, input }) => {
    if (expected === 'never') return `is not a known key${suggestion(String(input), Object.keys(keys))}`;
    return expected === 'Object' ? 'must hold lines of the form "key: value"' : 'is missing';
  });

/** A list; a single value is a list of one. */
export const list = <Item extends v.GenericSchema>(item: Item) =>
  v.pipe(
    v.unknown(),
    v.transform((value) => (Array.isArray(value) ? (value as unknown[]) : [value])),
    v.array(item),
  );

export const text = v.pipe(
  v.string('must be text'),
  v.check((value) => value.trim() !== '', 'must not be empty'),
);

/** Text that `read` turns into a value, or refuses with `undefined`. */
const parsed = <Value>(problem: string, read: (text: string) => Value | undefined) =>
  v.pipe(
    text,
    v.rawTransform<string, Value>(({ dataset, addIssue, NEVER }) => {
      const value = read(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: problem });
      return NEVER;
    }),
  );

const matching = (pattern: RegExp, problem: string) => v.pipe(text, v.regex(pattern, problem));

export const choice = <const Choices extends readonly string[]>(...choices: Choices) =>
  v.pipe(text, v.picklist(choices, `must be ${choices.join(' or ')}`));

export const integer = (min: number, max: number) =>
  parsed(`must be a whole number from ${min} to ${max}`, (value) => {
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    return number >= min && number <= max ? number : undefined;
  });

export const flag = parsed('must be true or false', (value) =>
  value === 'true' || value === 'false' ? value === 'true' : undefined,
);

/** Mastodon refuses longer names. */
export const name = v.pipe(
  text,
  v.check((value) => [...value].length <= 60, 'must have at most 60 characters'),
);

/** A host name as browsers write it, with a port if it has one. */
export const host = parsed('must be a host name such as auth.example.com, without scheme or path', (value) =>
  /[/?#@\\\s]/.test(value) ? undefined : parsedURL(`http://${value}`)?.host,
);

/** A host without a port, as in `outbound.privateInstances`. */
export const privateHost = matching(
  /^[a-z0-9.-]*[a-z][a-z0-9-]*$/,
  'must hold host names such as social.lan, without scheme, port or address',
);

export const website = v.pipe(
  text,
  v.check(
    (value) =>
      /^https?:\/\/[\x21-\x7e]+$/i.test(value) && parsedURL(value) !== undefined && value.length <= 2000,
    'must be a URL such as https://example.com',
  ),
);

export const redisURL = v.pipe(
  text,
  v.check(
    (value) => parsedURL(value) !== undefined && /^rediss?:\/\/[^/]/.test(value),
    'must be a URL such as redis://localhost:6379',
  ),
);

export const path = matching(/^\/[\w\-.~/]*$/, 'must be a path such as /socket');

export const secret = matching(
  /^[\x21-\x7e]{16,}$/,
  'must have at least 16 characters, without spaces: openssl rand -hex 16 makes one',
);

/** A secret for encryption. Shorter ones can be found by trying. */
export const encryptionSecret = matching(
  /^[\x21-\x7e]{32,}$/,
  'must have at least 32 characters, without spaces: openssl rand -hex 32 makes one',
);

/** `8080`, `:8080` (every address of this machine), `127.0.0.1:8080`, `[::1]:8080`. */
export const listen = parsed('must be a port, or an address and a port: 127.0.0.1:8080', (value) => {
  const [, address, port] = /^(?:(\[[\da-f:.]+\]|[a-z\d.-]*):)?(\d{1,5})$/i.exec(value) ?? [];
  if (port === undefined || Number(port) > 65_535) return undefined;
  const bare = address?.replace(/^\[|\]$/g, '');
  return { host: bare === '' ? '::' : (bare ?? '127.0.0.1'), port: Number(port) };
});

/** Scopes, separated by spaces. */
export const scopes = v.pipe(
  list(text),
  v.transform((items) => items.flatMap((item) => item.trim().split(/[\s,]+/))),
  v.check(
    (names) => names.length > 0 && names.every((one) => /^[!#-[\]-~]+$/.test(one)),
    'must be names of scopes, as a list or separated by spaces: read write',
  ),
  v.transform((names) => [...new Set(names)].join(' ')),
);

/** Hosts of instances; `*.example.com` for all below a domain. */
export const instances = list(
  parsed('must hold hosts such as mastodon.social or *.example.com', (value) => {
    const domain = value.toLowerCase().replace(/^\*\./, '');
    // As the login names hosts: without the default port, and without the final dot of DNS.
    const url = /[/?#@*\s]/.test(domain) ? undefined : parsedURL(`https://${domain}`);
    const parsedHost = url?.host.replace(/\.(?=:|$)/, '');
    if (!parsedHost) return undefined;
    const escaped = parsedHost.replaceAll('.', '\\.').replace(/[[\]]/g, '\\$&');
    return new RegExp(`^${value.startsWith('*.') ? '(?:[^.]+\\.)+' : ''}${escaped}$`);
  }),
);

const originProblem = 'must hold origins such as https://example.com or http://localhost:4000';

function originIn(value: string): string | undefined {
  const bare = value.replace(/\/$/, '');
  const origin = parsedURL(bare)?.origin;
  return origin !== undefined && /^https?:/.test(origin) && origin === bare.toLowerCase()
    ? origin
    : undefined;
}

export const origins = list(parsed(originProblem, originIn));

/** Origins of pages that may connect. Extensions of browsers and desktop programs have schemes of their own. */
export const pageOrigins = list(
  parsed(originProblem, (value) => {
    const isOther = /^(?!https?:)[a-z][a-z\d+.-]*:\/\/[^/?#\s]+$/i.test(value);
    return isOther || ['*', 'null', 'file://'].includes(value) ? value : originIn(value);
  }),
);

/** Limits under their names in options (`maxSockets`), from their names in the file (`max_sockets`). */
export const limits = <Limits extends Readonly<Record<string, number>>>(byDefault: Limits) => {
  const names = Object.keys(byDefault);
  const keyOf = (limit: string) => limit.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  // The longest time that setTimeout takes.
  const limit = v.optional(integer(1, 0x7fffffff));
  return v.pipe(
    table(Object.fromEntries(names.map((one) => [keyOf(one), limit]))),
    v.transform((values) => {
      const given = names.filter((one) => values[keyOf(one)] !== undefined);
      return Object.fromEntries(given.map((one) => [one, values[keyOf(one)]])) as Partial<Limits>;
    }),
  );
};
