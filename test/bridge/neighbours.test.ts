/** A bridge that shares a store or a bus with another bridge, or with an attacker who reads and writes there. */

import { encryptResult, busNameOf } from '../../lib/bridge/secrets';
import { localBus } from '../../lib/stores/bus';
import type { StandIn } from '../support/instance';
import { anInstance, JSONStore } from '../support/stage';
import { Visitor } from '../support/visitor';
import { agree, press, startBridge } from './stage';

let instance: StandIn;
beforeEach(async () => (instance = await anInstance()));

/** A store and a bus that record all their arguments. */
function watched() {
  const store = new JSONStore();
  const bus = localBus();
  const seen: string[] = [];
  const heard: [channel: string, text: string][] = [];
  const ttls: [key: string, ttl: unknown][] = [];
  const set = store.set.bind(store);
  store.set = async (key: string, value: unknown, ttl?: number) => {
    seen.push(key, JSON.stringify(value));
    ttls.push([key, ttl]);
    return set(key, value);
  };
  return {
    ...{ store, seen, heard, ttls },
    bus: {
      publish: (channel: string, text: string) => {
        heard.push([channel, text]);
        return bus.publish(channel, text);
      },
      subscribe: bus.subscribe.bind(bus),
    },
  };
}

it('a request that was opened at one bridge is unknown to another one with another name', async () => {
  const { store, bus } = watched();
  const own = await startBridge([instance], { store, bus, clientName: 'A game' });
  const other = await startBridge([instance], { store, bus, clientName: 'A bank' });
  const { url } = await (await own.connect()).request(instance.host);
  expect((await new Visitor().get(url)).status).toBe(200);
  expect((await new Visitor().get(url.replace(own.origin, other.origin))).status).toBe(404);
});

it('neither store nor bus contains an ID or a token, and each record has a time to live', async () => {
  const { store, bus, seen, heard, ttls } = watched();
  const own = await startBridge([instance], { store, bus });
  const process = await startBridge([instance], { store, bus, publicURL: own.origin });
  const client = await own.connect();
  const { id, url } = await client.request(instance.host);
  const visitor = new Visitor();
  const { location = '' } = await press(visitor, url.replace(own.origin, process.origin));
  const callback = await visitor.approve(location);
  // A real browser ignores ports when it sends cookies.
  visitor.jars.set(new URL(own.origin).host, new Map(visitor.jars.get(new URL(process.origin).host)));
  await visitor.get(callback.replace(own.origin, process.origin));
  const { token } = (await client.hear('fulfill')) as { token: string };
  for (const secret of [id, token]) {
    expect([...seen, ...heard.flat()].join('\n')).not.toContain(secret);
  }
  expect(heard.some(([, text]) => text.includes(busNameOf(id)))).toBe(true);
  expect(ttls.filter(([, ttl]) => typeof ttl !== 'number' || ttl <= 0)).toEqual([]);
});

it('an attacker who knows the channel and the request’s name there cannot end it', async () => {
  const { store, bus } = watched();
  const own = await startBridge([instance], { store, bus });
  const client = await own.connect();
  const { id, url } = await client.request(instance.host);
  const visitor = new Visitor();
  await press(visitor, url);
  const records = [...store.records.values()].map((text) => JSON.parse(text) as Record<string, unknown>);
  const channel = String(records.find((record) => 'channel' in record)?.['channel']);
  const ref = busNameOf(id);
  const text = JSON.stringify({ type: 'fulfill', parameters: { token: 'forged' } });
  for (const message of [
    { ref, text },
    { ref, result: text },
    { ref, result: encryptResult(ref, text) },
  ]) {
    expect(await bus.publish(channel, JSON.stringify(message))).toBe(1);
  }
  expect(await client.hearsNothing(50)).toBe(true);
  await agree(visitor, url);
  expect((await client.hear('fulfill')).token).not.toBe('forged');
});
