/** The connection that a bus over Redis opens for its subscriptions, and closes, also if Redis does not answer. */

import { redisBus, type RedisPublisher } from '../../lib/stores/index';

/** A client of node-redis whose duplicates behave as `habits` says, and which counts the open ones. */
function aClient(habits: { connect?: () => Promise<unknown>; unsubscribe?: () => Promise<unknown> } = {}) {
  const open = new Set<object>();
  const subscribed: string[] = [];
  const client: RedisPublisher = {
    publish: async () => 1,
    duplicate() {
      const duplicate = {
        isOpen: false,
        connect: async () => {
          open.add(duplicate);
          await habits.connect?.();
        },
        subscribe: async (channel: string) => void subscribed.push(channel),
        unsubscribe: habits.unsubscribe ?? (async () => undefined),
        on: () => undefined,
        destroy: () => open.delete(duplicate),
      };
      return duplicate;
    },
  };
  return { client, open, subscribed };
}

it('is opened once for all subscriptions, and closed with the last one', async () => {
  const { client, open, subscribed } = aClient();
  const bus = redisBus(client);
  const stops = await Promise.all(['one', 'two'].map((channel) => bus.subscribe(channel, () => undefined)));
  expect([open.size, subscribed]).toEqual([1, ['one', 'two']]);
  await stops[0]?.();
  // Ending a subscription twice does not end another one.
  await stops[0]?.();
  expect(open.size).toBe(1);
  await stops[1]?.();
  expect(open.size).toBe(0);
});

it('is closed if Redis never confirms the end of the last subscription', async () => {
  const { client, open } = aClient({ unsubscribe: () => new Promise(() => undefined) });
  const stop = await redisBus(client).subscribe('one', () => undefined);
  await stop();
  expect(open.size).toBe(0);
});

it('is closed if it cannot connect, because a client would retry for ever, and opened again for the next subscription', async () => {
  let isAway = true;
  const { client, open } = aClient({
    connect: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()),
  });
  const bus = redisBus(client);
  await expect(bus.subscribe('one', () => undefined)).rejects.toThrow('away');
  expect(open.size).toBe(0);
  isAway = false;
  await bus.subscribe('one', () => undefined);
  expect(open.size).toBe(1);
});

it('is closed if it does not connect in five seconds, so that it keeps no process from ending', async () => {
  jest.useFakeTimers();
  const { client, open } = aClient({ connect: () => new Promise(() => undefined) });
  void redisBus(client).subscribe('one', () => undefined);
  await jest.advanceTimersByTimeAsync(4_900);
  expect(open.size).toBe(1);
  await jest.advanceTimersByTimeAsync(200);
  expect(open.size).toBe(0);
  jest.useRealTimers();
});
