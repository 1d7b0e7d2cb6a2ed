/** Signing keys over time and between processes: which key signs, and which keys are published. */

import * as openid from 'openid-client';
import { Keyv } from 'keyv';
import { Keyring } from '../../lib/issuer/keys.js';
import { IssuerStore } from '../../lib/issuer/store.js';
import { Store } from '../../lib/store.js';
import { JSONStore, anInstance } from '../support/stage';
import { anIssuer, answerOf, ask, logIn, openPage } from './stage';

const minute = 60_000;
const hour = 60 * minute;

/** A clock, and keyrings of processes that share a store and that clock. */
async function aClock(backend = new JSONStore()) {
  let time = 1_800_000_000_000;
  const keyring = (secret?: string) =>
    new Keyring(new IssuerStore(new Store(backend, 1000), 'https://login.example', secret), () => time);
  const opened = async (secret?: string) => {
    const ring = keyring(secret);
    await ring.open();
    return ring;
  };
  return { opened, pass: (ms: number) => void (time += ms) };
}

const ids = (ring: Keyring) => ring.current().jwks.map(({ kid }) => kid);

/** Makes a process read the keys from the store again. */
async function looked(ring: Keyring): Promise<string[]> {
  ring.current();
  await new Promise((resolve) => setImmediate(resolve));
  return ids(ring) as string[];
}

describe('keys', () => {
  it('are made once by processes that start together', async () => {
    const { opened } = await aClock();
    const rings = await Promise.all([opened(), opened(), opened()]);
    expect(new Set(rings.map((ring) => ring.current().id)).size).toBe(1);
    expect(rings[0]?.current().cookieKeys[0]).toHaveLength(43);
  });

  it('that are new are published by every process before any of them signs with one', async () => {
    const { opened, pass } = await aClock();
    const [one, other] = [await opened(), await opened()];
    const [first] = ids(one);
    const before = one.current().id;
    await one.rotate();
    const [, second] = ids(one);
    expect(second).toBeTruthy();
    expect(ids(one)[0]).toBe(first);
    expect(one.current().id).not.toBe(before);
    pass(minute + 1);
    expect(await looked(other)).toEqual([first, second]);
    pass(4 * minute - 1);
    expect(ids(one)).toEqual([second, first]);
    expect(ids(other)).toEqual([second, first]);
    await one.rotate();
    const [, third] = ids(one);
    expect(ids(one)).toEqual([second, third, first]);
    pass(5 * minute);
    await one.rotate();
    expect(ids(one)).toEqual([third, expect.any(String), first, second]);
  });

  it('are read once a minute', async () => {
    const backend = new JSONStore();
    const { opened, pass } = await aClock(backend);
    const ring = await opened();
    const reads = jest.spyOn(backend, 'get');
    pass(minute);
    await looked(ring);
    expect(reads).not.toHaveBeenCalled();
    pass(1);
    await looked(ring);
    await looked(ring);
    expect(reads).toHaveBeenCalledTimes(1);
  });

  it('that are old are published for a day after their last signature, and then removed', async () => {
    const { opened, pass } = await aClock();
    const ring = await opened();
    const [first] = ids(ring);
    await ring.rotate();
    pass(5 * minute + 24 * hour - 1);
    expect(ids(ring)).toContain(first);
    pass(1);
    expect(ids(ring)).not.toContain(first);
    await ring.rotate();
    expect(ids(await opened())).not.toContain(first);
  });

  it('that were stored unencrypted are replaced when a secret is set, and not by another secret', async () => {
    const { opened } = await aClock();
    const [first] = ids(await opened());
    const [second] = ids(await opened('one secret'));
    expect(second).not.toBe(first);
    expect(ids(await opened('one secret'))).toEqual([second]);
    for (const other of ['another secret', undefined]) {
      await expect(opened(other)).rejects.toThrow('encrypted with another secret');
    }
  });

  it('are new in every process once the operator has deleted their record, and rotation restores none', async () => {
    const backend = new JSONStore();
    const { opened, pass } = await aClock(backend);
    const [one, other] = [await opened(), await opened()];
    const [stolen] = ids(one);
    backend.records.clear();
    await one.rotate();
    expect(ids(one)).not.toContain(stolen);
    pass(minute + 1);
    expect(await looked(other)).toEqual(ids(one));
    backend.records.clear();
    pass(minute + 1);
    await one.refresh();
    expect(ids(one)).toHaveLength(1);
    expect(ids(one)).not.toContain(stolen);
  });

  it('stay when the store cannot be read', async () => {
    const backend = new JSONStore();
    const { opened, pass } = await aClock(backend);
    const ring = await opened();
    const before = ids(ring);
    backend.get = async () => {
      throw new Error('down');
    };
    pass(2 * minute);
    expect(await looked(ring)).toEqual(before);
  });
});

it('a login survives the rotation and the process', async () => {
  const instance = await anInstance();
  const store = new Keyv();
  const stage = await anIssuer([instance], { store });
  const { visitor, config, claims, tokens } = await logIn(stage, instance);
  const since = await stage.issuer.rotateKeys();
  expect(since.getTime()).toBeGreaterThan(Date.now() + 4 * minute);
  const asked = await ask(config, { prompt: 'none', id_token_hint: tokens.id_token ?? '' });
  const answer = answerOf(await openPage(visitor, asked.url));
  expect((await openid.authorizationCodeGrant(config, answer, asked.checks)).claims()?.sub).toBe(claims?.sub);
});

it('a new key is in the key set of another process at once', async () => {
  const instance = await anInstance();
  const store = new Keyv();
  const stage = await anIssuer([instance], { store });
  const other = await anIssuer([instance], { store, issuerURL: stage.issuerURL });
  const shown = async () => {
    const { keys } = (await (await fetch(`${stage.origin}/jwks`)).json()) as { keys: { kid: string }[] };
    return keys.length;
  };
  expect(await shown()).toBe(1);
  await other.issuer.rotateKeys();
  expect(await shown()).toBe(2);
});
