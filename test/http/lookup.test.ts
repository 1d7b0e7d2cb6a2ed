/** Name resolution accepts public addresses only. */

import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { NotPublicError, publicLookup } from '../../lib/http/addresses.js';
import { names } from '../support/hostile.js';

type Result =
  { error: NodeJS.ErrnoException } | { address: string | LookupAddress[]; family: number | undefined };

function ask(lookup: LookupFunction, name = 'a.example', options = {}): Promise<Result> {
  return new Promise((resolve) => {
    publicLookup(lookup)(name, options, (error, address, family) =>
      resolve(error ? { error } : { address, family }),
    );
  });
}

const google = { address: '8.8.8.8', family: 4 };

it('answers in the requested form', async () => {
  const { lookup } = names({ 'a.example': ['8.8.8.8', '2606:4700::1'] });
  expect(await ask(lookup)).toEqual({ address: '8.8.8.8', family: 4 });
  const all = { address: [google, { address: '2606:4700::1', family: 6 }], family: undefined };
  expect(await ask(lookup, 'a.example', { all: true })).toEqual(all);
});

it('accepts a lookup that answers with one address although all were requested', async () => {
  const single: LookupFunction = (_name, _options, callback) => callback(null, '8.8.8.8', 4);
  expect(await ask(single, 'a.example', { all: true })).toEqual({ address: [google], family: undefined });
  const without: LookupFunction = (_name, _options, callback) => callback(null, '2606:4700::1');
  expect(await ask(without)).toEqual({ address: '2606:4700::1', family: 6 });
});

it.each([
  ['127.0.0.1'],
  ['8.8.8.8', '127.0.0.1'],
  ['127.0.0.1', '8.8.8.8'],
  ['8.8.8.8', '::ffff:10.0.0.1'],
  ['not an address'],
  [''],
])('refuses the whole name for %j, %j', async (...addresses) => {
  const { lookup } = names({ 'a.example': addresses });
  for (const options of [{}, { all: true }]) {
    const result = await ask(lookup, 'a.example', options);
    expect(result).toEqual({ error: expect.any(NotPublicError) as unknown });
    expect((result as { error: Error }).error).toMatchObject({ code: 'EPRIVATE' });
  }
});

it('passes on errors, also thrown ones', async () => {
  const { lookup } = names({});
  expect(await ask(lookup)).toMatchObject({ error: { code: 'ENOTFOUND' } });
  const throwing: LookupFunction = () => {
    throw new Error('broken');
  };
  expect(await ask(throwing)).toMatchObject({ error: { message: 'broken' } });
  const empty: LookupFunction = (_name, _options, callback) => callback(null, []);
  expect(await ask(empty, 'a.example', { all: true })).toMatchObject({ error: { code: 'ENOTFOUND' } });
});
