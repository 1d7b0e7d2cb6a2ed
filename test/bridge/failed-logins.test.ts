/** Failed logins: the program receives an error, no other browser receives the request, and the token is revoked. */

import { localBus } from '../../lib/stores/bus';
import type { StandIn } from '../support/instance';
import { anInstance, JSONStore } from '../support/stage';
import { Visitor } from '../support/visitor';
import { agree, formOf, press, startBridge, until, type Stage } from './stage';

let instance: StandIn;
beforeEach(async () => (instance = await anInstance()));

/** A visitor who has consented at the instance; the callback is not opened yet. */
async function agreed({ connect }: Stage) {
  const client = await connect();
  const { url } = await client.request(instance.host);
  const visitor = new Visitor();
  const { location } = await press(visitor, url);
  return { client, visitor, callback: await visitor.approve(location ?? '') };
}

describe('the program receives an error', () => {
  it('each one, if several logins shared the failed operation', async () => {
    const stage = await startBridge([instance]);
    const logins = [await agreed(stage), await agreed(stage), await agreed(stage)];
    // The invalid-code check is shared.
    instance.answerWith('POST /oauth/token', 500, { error: 'down' });
    const pages = await Promise.all(logins.map(({ visitor, callback }) => visitor.get(callback)));
    expect(pages.map(({ status }) => status >= 400)).toEqual([true, true, true]);
    for (const { client } of logins) {
      expect((await client.hear('error')).code).not.toBe('login_expired');
      expect(await client.hearsNothing(20)).toBe(true);
    }
    expect(stage.bridge.status().pending).toBe(0);
  });

  it('if the application itself fails', async () => {
    let isDown = false;
    const stage = await startBridge([instance], {
      allowInstance: () => {
        if (isDown) throw new Error('the list is gone');
        return true;
      },
    });
    const { client, visitor, callback } = await agreed(stage);
    isDown = true;
    expect((await visitor.get(callback)).status).toBe(500);
    expect((await client.hear('error')).code).toBe('server_failed');
    expect(stage.bridge.status().pending).toBe(0);
  });
});

/** A store in which one operation fails: the one at which `countdown` reaches zero. */
class FailingStore extends JSONStore {
  countdown = Infinity;

  constructor(private readonly failing: 'get' | 'set' | 'delete') {
    super();
  }

  override async get(key: string): Promise<unknown> {
    this.operation('get');
    return super.get(key);
  }

  override async set(key: string, value: unknown): Promise<void> {
    this.operation('set');
    return super.set(key, value);
  }

  override async delete(key: string): Promise<boolean> {
    this.operation('delete');
    return super.delete(key);
  }

  /** Locks like those of Redis. In a store without `lock`, each press of the button waits for the package's own lock. */
  async lock(key: string): Promise<(() => Promise<void>) | undefined> {
    if (this.records.has(key)) return undefined;
    this.records.set(key, '{}');
    return async () => {
      this.records.delete(key);
      this.operation('delete');
    };
  }

  private operation(name: string): void {
    if (name === this.failing && this.countdown-- === 1) throw new Error('failed once');
  }
}

describe.each(['get', 'set', 'delete'] as const)('a store in which one "%s" fails', (failing) => {
  it('gives the request to no second browser', async () => {
    let failures = 0;
    for (let nth = 1; nth <= 12; nth++) {
      const store = new FailingStore(failing);
      const stage = await startBridge([instance], { store });
      const client = await stage.connect();
      const { url } = await client.request(instance.host);
      const [owner, other] = [new Visitor(), new Visitor()];
      const forms = [formOf(await owner.get(url)), formOf(await other.get(url))] as const;
      store.countdown = nth;
      const pressed = await owner.post(forms[0].action, forms[0].fields);
      if (store.countdown > 0) break;
      failures++;
      const second = await other.post(forms[1].action, forms[1].fields);
      // Either the owner continues, or the owner learns that the press failed; never both browsers.
      expect([nth, pressed.status === 303 && second.status === 303]).toEqual([nth, false]);
      const again = await owner.post(forms[0].action, forms[0].fields);
      if (second.status === 303) expect(again.status).not.toBe(303);
      if (pressed.status !== 303 && second.status !== 303 && again.status !== 303) {
        expect((await client.hear('error')).code).toBe('store_failed');
      }
    }
    expect(failures).toBeGreaterThan(0);
  }, 60_000);

  it('leaves no program without an answer', async () => {
    for (let nth = 1; nth <= 40; nth++) {
      const store = new FailingStore(failing);
      const stage = await startBridge([instance], { store });
      const { client, visitor, callback } = await agreed(stage);
      store.countdown = nth;
      const page = await visitor.get(callback);
      const hasFailed = store.countdown <= 0;
      store.countdown = Infinity;
      // If the login was not used up, the same URL works again.
      const last = page.status === 200 ? page : await visitor.get(callback);
      if (last.status === 200) {
        const { token } = await client.hear('fulfill');
        expect(instance.tokens.has(token)).toBe(true);
      } else {
        await client.hear('error');
      }
      if (!hasFailed) return;
    }
    throw new Error('it always failed');
  }, 60_000);
});

it('if two browsers press at the same moment and the lock is lost, only the browser with the later claim finishes', async () => {
  const store = new JSONStore();
  // Like a process that stalled for longer than its lock lasted.
  Object.assign(store, { lock: async () => async () => undefined });
  const bus = localBus();
  const one = await startBridge([instance], { store, bus });
  const two = await startBridge([instance], { store, bus, publicURL: one.origin });
  const client = await one.connect();
  const { url } = await client.request(instance.host);
  const browsers = [one, two].map(({ origin }) => {
    const visitor = new Visitor();
    const here = (address: string) => address.replace(one.origin, origin);
    return { visitor, here };
  });
  const forms = await Promise.all(
    browsers.map(async ({ visitor, here }) => formOf(await visitor.get(here(url)))),
  );
  const get = store.get.bind(store);
  let reads = 0;
  let bothHaveRead = () => undefined as void;
  const together = new Promise<void>((resolve) => (bothHaveRead = resolve));
  store.get = async (key) => {
    const value = await get(key);
    if (key.includes('bridge-claim') && value === undefined && ++reads <= 2) {
      if (reads === 2) bothHaveRead();
      await together;
    }
    return value;
  };
  const pages = await Promise.all(
    browsers.map(({ visitor, here }, i) => visitor.post(here(url), forms[i]!.fields)),
  );
  expect(pages.map(({ status }) => status)).toEqual([303, 303]);
  const callbacks = await Promise.all(
    browsers.map(async ({ visitor, here }, i) => here(await visitor.approve(pages[i]!.location ?? ''))),
  );
  const views = await Promise.all(browsers.map(({ visitor, here }) => visitor.get(here(url))));
  expect(views.map(({ status }) => status).sort()).toEqual([200, 409]);
  const owner = views.findIndex(({ status }) => status === 200);
  const exchanges = instance.requestsTo('POST /oauth/token').length;
  expect((await browsers[1 - owner]!.visitor.get(callbacks[1 - owner]!)).status).toBe(403);
  expect(instance.requestsTo('POST /oauth/token')).toHaveLength(exchanges);
  expect((await browsers[owner]!.visitor.get(callbacks[owner]!)).status).toBe(200);
  await client.hear('fulfill');
  expect(await client.hearsNothing(20)).toBe(true);
});

it('two logins of one request that return at once give one token, and leave no other', async () => {
  const [store, bus] = [new JSONStore(), localBus()];
  const one = await startBridge([instance], { store, bus });
  const two = await startBridge([instance], { store, bus, publicURL: one.origin });
  const here = (address: string) => address.replace(one.origin, two.origin);
  const client = await one.connect();
  const { url } = await client.request(instance.host);
  const visitor = new Visitor();
  const callbacks = [];
  for (let i = 0; i < 2; i++) {
    const { location = '' } = await press(visitor, here(url));
    callbacks.push(here(await visitor.approve(location)));
  }
  const before = new Set(instance.tokens.keys());
  instance.latencyMs = 50;
  const pages = await Promise.all(callbacks.map((callback) => visitor.get(callback)));
  instance.latencyMs = 0;
  expect(pages.map(({ status }) => status).sort()).toEqual([200, 404]);
  const { token } = (await client.hear('fulfill')) as { token: string };
  const left = () => [...instance.tokens.keys()].filter((one) => !before.has(one));
  await until(() => left().length === 1);
  expect(left()).toEqual([token]);
});

describe('a token that does not reach its program', () => {
  const leaveDuring = async (options: object) => {
    const stage = await startBridge([instance], options);
    const { client, visitor, callback } = await agreed(stage);
    const before = new Set(instance.tokens.keys());
    instance.latencyMs = 100;
    const asked = instance.requestsTo('POST /oauth/token').length;
    const coming = visitor.get(callback);
    await until(() => instance.requestsTo('POST /oauth/token').length > asked);
    client.socket.terminate();
    expect((await coming).status).toBe(404);
    expect(stage.events).toContainEqual([
      'request_ended',
      expect.objectContaining({ outcome: 'undelivered' }),
    ]);
    return () => [...instance.tokens.keys()].filter((token) => !before.has(token)).length;
  };

  it('is revoked at the instance', async () => {
    const left = await leaveDuring({});
    await until(() => left() === 0);
  });

  it('stays if the operator wants it', async () => {
    const left = await leaveDuring({ revokeUndelivered: false });
    instance.latencyMs = 0;
    expect(left()).toBe(1);
  });
});

it('a successful login revokes no token', async () => {
  const { connect } = await startBridge([instance]);
  const client = await connect();
  await agree(new Visitor(), (await client.request(instance.host)).url);
  const { token } = await client.hear('fulfill');
  expect(instance.tokens.has(token)).toBe(true);
  expect(instance.requestsTo('POST /oauth/revoke')).toEqual([]);
});
