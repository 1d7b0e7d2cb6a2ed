/** Encrypted text cannot be read, changed or moved to another key. */

import { decrypt, encrypt } from '../../lib/util/crypto';

const secret = 's'.repeat(43);
const encrypted = encrypt(secret, 'a session', 'tokens of alice, é');

it('can be read with the same secret, for the same purpose', () => {
  expect(decrypt(secret, 'a session', encrypted)).toBe('tokens of alice, é');
  expect(encrypted).not.toBe(encrypt(secret, 'a session', 'tokens of alice, é'));
});

it.each([
  ['with another secret', 't'.repeat(43), 'a session', encrypted],
  ['for another purpose, where it was copied to', secret, 'a signing key', encrypted],
  [
    'after a change of one character',
    secret,
    'a session',
    (encrypted.startsWith('A') ? 'B' : 'A') + encrypted.slice(1),
  ],
  ['without its end', secret, 'a session', encrypted.slice(0, -4)],
  ['where there is nothing', secret, 'a session', ''],
])('is not read %s', (_how, with_, purpose, text) => {
  expect(decrypt(with_, purpose, text)).toBeUndefined();
});

it('has purposes of any length, and every character of them counts', () => {
  const purpose = 'https://client.example/'.padEnd(5000, 'x');
  const text = encrypt(secret, purpose, 'text');
  expect([decrypt(secret, purpose, text), decrypt(secret, `${purpose}y`, text)]).toEqual(['text', undefined]);
});
