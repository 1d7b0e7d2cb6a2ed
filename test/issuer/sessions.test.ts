/** Sessions in a store that several processes and parallel requests share, as oidc-provider reads and writes them. */

import { AsyncLocalStorage } from 'node:async_hooks';
import { routes, type AdapterPayload, type KoaContextWithOIDC } from '../../lib/issuer/oidc-provider';
import { Sessions } from '../../lib/issuer/sessions';
import type { Shared } from '../../lib/issuer/shared';
import { IssuerStore } from '../../lib/issuer/store';
import { Store } from '../../lib/store';
import { LockingStore } from '../support/stage';

class Ended extends Error {}

const session = { jti: 'one', uid: 'u', accountId: 'alice', loginTs: 1, exp: 10, authorizations: {} };
const clients = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, { sid: name, grantId: `grant of ${name}` }]));
const ids = ({ authorizations }: AdapterPayload = {}) => Object.keys(authorizations ?? {});

/** A store, and requests of browsers whose session has the ID `one`. */
async function aStage() {
  const backend = new LockingStore();
  const store = new IssuerStore(new Store(backend, 1000), 'https://login.example', '', 60_000);
  const inCookie: AdapterPayload[] = [];
  const contexts = new AsyncLocalStorage<KoaContextWithOIDC>();
  const sessions = new Sessions({
    store,
    cookies: {
      visitorSession: (_req: unknown, id: string) => inCookie.find(({ jti }) => jti === id),
      keepVisitorSession: (_req: unknown, _res: unknown, one: AdapterPayload) =>
        one.state !== undefined && inCookie.push(one) > 0,
    },
    oidc: {
      errors: { LoginRequired: Ended },
      Provider: Object.defineProperty({}, 'ctx', { get: () => contexts.getStore() }),
    },
  } as unknown as Shared);
  const aRequest = (path: string = routes.authorization) => {
    const ctx = { path, oidc: { session: { jti: 'one' } } } as unknown as KoaContextWithOIDC;
    const run = <T>(work: () => Promise<T>) => contexts.run(ctx, work);
    return {
      find: (id = 'one') => run(() => sessions.find(id)),
      save: (written: AdapterPayload, id = 'one') => run(() => sessions.upsert(id, written, 60)),
      end: () => run(() => sessions.destroy('one')),
      /** As oidc-provider saves a session with a new ID. */
      replace: (written: AdapterPayload, id: string) =>
        run(async () => {
          Object.assign(ctx.oidc.session!, { jti: id });
          await sessions.destroy('one');
          await sessions.upsert(id, { ...written, jti: id }, 60);
        }),
      isUnsaved: () => sessions.isUnsaved(ctx),
    };
  };
  await aRequest().save({ ...session, authorizations: clients('shop') });
  return { backend, store, sessions, aRequest };
}

/** A request that has read the session. */
async function aReader({ aRequest }: Awaited<ReturnType<typeof aStage>>) {
  const request = aRequest();
  const read = structuredClone((await request.find())!);
  return { ...request, read };
}

describe('a session', () => {
  it('is found by its ID and by its uid, within a request and outside', async () => {
    const { sessions, aRequest } = await aStage();
    const stored = { ...session, authorizations: clients('shop') };
    for (const find of [aRequest().find, (id = 'one') => sessions.find(id)]) {
      expect(await find()).toEqual(stored);
      expect(await find('u')).toBeUndefined();
    }
    expect(await sessions.findByUid('u')).toEqual(stored);
    expect(await sessions.findByUid('one')).toBeUndefined();
  });

  it('lives as long as oidc-provider says', async () => {
    const { backend, aRequest } = await aStage();
    const set = jest.spyOn(backend, 'set');
    await aRequest().save({ ...session, uid: 'v' }, 'two');
    const reader = aRequest();
    await reader.save({ ...(await reader.find('two'))!, loginTs: 2 }, 'two');
    const ttls = (set.mock.calls as unknown[][])
      .map(([, , ttl]) => Number(ttl))
      .filter((ttl) => ttl > 30_000);
    expect(ttls).toEqual([60_000, 60_000, 60_000]);
  });

  it('has the 32 clients that came last, and none without a grant', async () => {
    const { sessions, aRequest } = await aStage();
    const many = clients(...Array.from({ length: 40 }, (_, i) => `client ${i}`));
    await aRequest().save({ ...session, authorizations: { ...many, refused: { sid: 'x' } } });
    expect(ids(await sessions.find('one'))).toEqual(Object.keys(many).slice(8));
    await aRequest().save({ ...session, authorizations: undefined } as AdapterPayload);
    expect(ids(await sessions.find('one'))).toEqual([]);
  });
});

describe('parallel requests', () => {
  it('keep each other’s changes', async () => {
    const stage = await aStage();
    const [one, two, three] = [await aReader(stage), await aReader(stage), await aReader(stage)];
    await one.save({ ...one.read, loginTs: 2, authorizations: clients('shop', 'app') });
    await two.save({ ...two.read, state: { secret: 'x' }, authorizations: clients() });
    await three.save({ ...three.read, exp: 11, authorizations: clients('shop', 'television') });
    const now = (await stage.sessions.find('one'))!;
    expect(now).toEqual({
      ...{ ...session, loginTs: 2, state: { secret: 'x' } },
      authorizations: clients('app', 'television'),
      exp: 11,
    });
    const four = await aReader(stage);
    await four.save({ ...four.read, state: undefined });
    expect(await stage.sessions.find('one')).toEqual({ ...now, state: undefined });
  });

  it('write nothing if nothing changes but the time', async () => {
    const stage = await aStage();
    const { read, save, isUnsaved } = await aReader(stage);
    const set = jest.spyOn(stage.backend, 'set');
    await save({ ...read, exp: 99, acr: undefined });
    expect(set).not.toHaveBeenCalled();
    expect(isUnsaved()).toBe(false);
  });

  it('replace the ID once: the others are refused, and change nothing', async () => {
    const stage = await aStage();
    const [one, two, slow] = [await aReader(stage), await aReader(stage), await aReader(stage)];
    await one.replace({ ...one.read, loginTs: 2 }, 'two');
    await one.replace({ ...one.read, loginTs: 2 }, 'two');
    for (let i = 0; i < 2; i++) {
      const again = two.replace({ ...two.read, loginTs: 3 }, 'three');
      if (i === 0) await expect(again).rejects.toBeInstanceOf(Ended);
      else await again;
    }
    expect([one.isUnsaved(), two.isUnsaved()]).toEqual([false, true]);
    await slow.save({ ...slow.read, authorizations: clients('shop', 'app') });
    const now = { ...session, jti: 'two', loginTs: 2, authorizations: clients('shop', 'app') };
    expect(await stage.sessions.find('two')).toEqual(now);
    expect(await stage.sessions.findByUid('u')).toEqual(now);
    for (const id of ['one', 'three']) expect(await stage.sessions.find(id)).toBeUndefined();
  });

  it('see the ID by which they looked, while another one replaces it', async () => {
    const stage = await aStage();
    const one = await aReader(stage);
    const read = stage.backend.get.bind(stage.backend);
    jest.spyOn(stage.backend, 'get').mockImplementationOnce(async (key) => {
      const alive = await read(key);
      await one.replace(one.read, 'two');
      return alive;
    });
    expect(await stage.sessions.find('one')).toMatchObject({ jti: 'one' });
  });
});

describe('an end', () => {
  it.each<[string, (stage: Awaited<ReturnType<typeof aStage>>) => Promise<void>]>([
    ['of the session', ({ aRequest }) => aRequest().end()],
    ['by a request that has read it', async (stage) => (await aReader(stage)).end()],
    ['outside a request', ({ sessions }) => sessions.destroy('one')],
    [
      'after another request has replaced its ID',
      async (stage) => {
        const [one, two] = [await aReader(stage), await aReader(stage)];
        await one.replace(one.read, 'two');
        await two.end();
      },
    ],
  ])('%s is not undone by slow requests', async (_how, end) => {
    const stage = await aStage();
    const [one, two, three] = [await aReader(stage), await aReader(stage), await aReader(stage)];
    await end(stage);
    const changed = { ...one.read, loginTs: 2 };
    await expect(one.save(changed)).rejects.toBeInstanceOf(Ended);
    await one.save(changed);
    await expect(two.replace(two.read, 'three')).rejects.toBeInstanceOf(Ended);
    await two.save(two.read, 'three');
    // A write that was under way as the session ended.
    await stage.store.set(['Session', 'u'], three.read);
    await stage.store.set(['SessionAlive', 'one'], { uid: 'u' });
    for (const id of ['one', 'two', 'three']) expect(await stage.sessions.find(id)).toBeUndefined();
    expect(await stage.sessions.findByUid('u')).toBeUndefined();
    expect([one.isUnsaved(), two.isUnsaved()]).toEqual([true, true]);
  });

  it('leaves no record but the end, and of an unknown session none', async () => {
    const { backend, sessions } = await aStage();
    await sessions.destroy('unknown');
    expect(backend.records.size).toBe(2);
    await sessions.destroy('one');
    expect([...backend.records.keys()]).toEqual([expect.stringContaining('SessionEnded')]);
  });

  it('of all logins of a person is the end of earlier sessions only', async () => {
    const stage = await aStage();
    const slow = await aReader(stage);
    await stage.store.end(['PersonEnded', 'alice']);
    expect(await stage.sessions.find('one')).toBeUndefined();
    await slow.save({ ...slow.read, loginTs: 2 });
    expect(await stage.sessions.findByUid('u')).toBeUndefined();
    await stage.aRequest().save({ ...session, uid: 'v' }, 'two');
    expect(await stage.sessions.find('two')).toMatchObject({ uid: 'v' });
  });
});

describe('the session of a visitor who is not logged in', () => {
  const visitor = { jti: 'three', uid: 'w', state: { secret: 'x' } };

  it('is in a cookie, and becomes a stored one at the login', async () => {
    const { backend, sessions, aRequest } = await aStage();
    const [before, request] = [backend.records.size, aRequest()];
    await request.save(visitor, 'three');
    expect([request.isUnsaved(), backend.records.size]).toEqual([false, before]);
    // Another browser with a copy of the cookie must not share the session of the login.
    expect(await aRequest().find('three')).toMatchObject({ ...visitor, uid: undefined });
    await request.save({ ...visitor, accountId: 'bob' }, 'three');
    expect(await sessions.find('three')).toMatchObject({ accountId: 'bob' });
  });

  it.each([
    ['without a form', routes.authorization, { ...visitor, state: undefined }],
    ['at the end-session endpoint', routes.end_session, visitor],
  ])('is not kept %s', async (_what, path, written) => {
    const { sessions, aRequest } = await aStage();
    const request = aRequest(path);
    await request.save(written, 'three');
    expect([request.isUnsaved(), await request.find('three')]).toEqual([true, undefined]);
    if (path === routes.end_session) return;
    await request.save(visitor, 'three');
    expect(request.isUnsaved()).toBe(false);
    await sessions.upsert('three', visitor, 60);
  });
});
