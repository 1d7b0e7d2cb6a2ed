/**
 * The attacker causes `failed` events, on which operators set alarms, so that the operator looks for a fault of the
 * site.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { closeAll, startBridge } from '../bridge/stage';
import { aStage, ask, discover, openPage, press } from '../issuer/stage';
import { until } from '../support/hostile';
import { startInstance } from '../support/instance';
import { Visitor } from '../support/visitor';

/** A slow store, so that a client can disconnect before the response. */
function slowStore() {
  const memory = new Map<string, unknown>();
  let asked = 0;
  const store = {
    get: async (key: string) => {
      asked++;
      await pause(50);
      return memory.get(key);
    },
    set: async (key: string, value: unknown) => void memory.set(key, value),
    delete: async (key: string) => memory.delete(key),
  };
  return { store, asked: () => asked };
}

async function sent(origin: string, text: string): Promise<Socket> {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => undefined).write(text);
  return socket;
}

/** The headers of a form, and less of its body than they announce. */
const partOf = (path: string, cookie = '') =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n` +
  'Content-Length: 100\r\n\r\nclient_id=shop';

const ends = ['destroy', 'resetAndDestroy'] as const;
const isFailed = ([event]: readonly [string, unknown]) => event === 'failed';

describe('at the issuer', () => {
  const paths = ['/authorize', '/logout', '/token', '/device', '/device/code', '/revoke'];

  it.each(ends)('by incomplete forms (%s)', async (end) => {
    const { stage } = await aStage();
    for (const path of paths) (await sent(stage.origin, partOf(path)))[end]();
    await answered(stage.origin);
    expect(stage.events.filter(isFailed)).toEqual([]);
  });

  it.each(ends)('by disconnecting before the response (%s)', async (end) => {
    const { store, asked } = slowStore();
    const { stage } = await aStage({ store });
    const { url } = await ask(await discover(stage));
    const before = asked();
    const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const socket = await sent(stage.origin, request);
    await until(() => asked() > before);
    socket[end]();
    await answered(stage.origin);
    expect(stage.events.filter(isFailed)).toEqual([]);
  });

  it('by the form of a device’s page in a browser without its session, which gets the page again', async () => {
    const { stage } = await aStage();
    const page = await openPage(new Visitor(), `${stage.issuerURL}/device?user_code=BBBB-BBBB`);
    for (const fields of [{}, { xsrf: 'x' }, { xsrf: 'x', abort: 'yes' }, { user_code: 'BBBB-BBBB' }]) {
      const visitor = new Visitor();
      const stranger = await press(visitor, page, fields);
      expect([stranger.status, stranger.location]).toEqual([303, `${stage.issuerURL}/device`]);
      expect((await visitor.follow(stranger)).text).toContain('name="user_code"');
    }
    expect(stage.events.filter(isFailed)).toEqual([]);
  });
});

it('at the bridge, by incomplete forms', async () => {
  const instance = await startInstance();
  const stage = await startBridge([instance]);
  try {
    const { url } = await (await stage.connect()).request(instance.host);
    const { origin, pathname } = new URL(url);
    for (const end of ends) (await sent(origin, partOf(pathname)))[end]();
    await answered(origin);
    expect(stage.events.filter(isFailed)).toEqual([]);
  } finally {
    await closeAll();
    await instance.close();
  }
});

/** Once the earlier connections are handled. */
async function answered(origin: string): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await fetch(`${origin}/jwks`);
}
