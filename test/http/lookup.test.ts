/** Name resolution accepts public addresses only. */

import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { NotPublicError, privateLookup, publicLookup, uncheckedLookup } from '../../lib/http/addresses.js';
import { names } from '../support/hostile.js';

type Result =
  { error: NodeJS.ErrnoException } | { address: string | LookupAddress[]; family: number | undefined };

function ask(
  lookup: LookupFunction,
  name = 'a.example',
  options = {},
  checked: (lookup: LookupFunction) => LookupFunction = publicLookup,
): Promise<Result> {
  return new Promise((resolve) => {
    checked(lookup)(name, options, (error, address, family) =>
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
  const four: LookupFunction = (_name, _options, callback) => callback(null, '8.8.8.8');
  expect(await ask(four)).toEqual({ address: '8.8.8.8', family: 4 });
});

it('passes on eight addresses of a name at most', async () => {
  const { lookup } = names({ 'a.example': Array.from({ length: 9 }, (_, last) => `8.8.8.${last}`) });
  const { address } = (await ask(lookup, 'a.example', { all: true })) as { address: LookupAddress[] };
  expect(address.map((one) => one.address).join()).toMatch(/^8\.8\.8\.0,.*,8\.8\.8\.7$/);
});

describe('for a server on the site’s own network', () => {
  const askPrivate = (address: string) =>
    ask(names({ 'a.example': [address] }).lookup, 'a.example', {}, privateLookup);

  it.each([
    ...['8.8.8.8', '2606:4700::1', '10.0.0.1', '172.16.0.1', '192.168.0.1', '127.0.0.1', '100.64.0.1'],
    ...['::1', 'fd00::1', '::ffff:10.0.0.1'],
  ])('accepts %s', async (address) => {
    expect(await askPrivate(address)).toMatchObject({ address });
  });

  it.each([
    ...['100.100.100.200', 'fd00:ec2::254', 'fd20:ce::254', '169.254.169.254', 'fe80::1'],
    ...['::ffff:100.100.100.200', '64:ff9b::169.254.169.254', '0.0.0.0', '::', '224.0.0.1', '240.0.0.1'],
    ...['192.0.2.1', 'not an address', '010.0.0.1', ''],
  ])('refuses %j', async (address) => {
    expect(await askPrivate(address)).toEqual({ error: expect.any(NotPublicError) as unknown });
  });
});

it('for a development instance accepts any address, in the requested form', async () => {
  const { lookup } = names({ 'a.example': ['169.254.1.1', '10.0.0.1'] });
  const first = { address: '169.254.1.1', family: 4 };
  expect(await ask(lookup, 'a.example', {}, uncheckedLookup)).toEqual(first);
  expect(await ask(lookup, 'a.example', { all: true }, uncheckedLookup)).toMatchObject({
    address: [first, { address: '10.0.0.1', family: 4 }],
  });
});

it('names host, address and option in the error for the operator', async () => {
  const { lookup } = names({ 'a.example': ['10.0.0.1'] });
  expect(await ask(lookup)).toMatchObject({
    error: {
      message: expect.stringMatching(/^a\.example .* 10\.0\.0\.1, .* outbound\.privateInstances$/) as string,
    },
  });
  expect(new NotPublicError('a.example:8443').message).toMatch(
    /^a\.example:8443 is not a public name with https.* outbound\.privateInstances$/,
  );
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
