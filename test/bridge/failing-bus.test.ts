/** A bus that never answers, or whose errors contain its arguments. */

import { inspect } from 'node:util';
import type { Bus } from '../../lib/stores/bus';
import { until } from '../support/hostile';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { agree, startBridge } from './stage';

let instance: StandIn;
beforeEach(async () => (instance = await anInstance()));

/** An error as drivers throw it: the command and its arguments are in the message and in fields. */
function failed(...args: string[]): Error {
  return Object.assign(new Error(`PUBLISH ${args.join(' ')}`), { code: 'ECONNRESET', args });
}

it('the log names the kind of failure, and quotes nothing that was sent', async () => {
  const sent: string[] = [];
  let channel = '';
  const bus: Bus = {
    publish: (name, text) => {
      sent.push(text);
      return Promise.reject(failed(name, text));
    },
    subscribe: async (name) => {
      channel = name;
      return () => Promise.reject(failed('UNSUBSCRIBE', name));
    },
  };
  const store = new Map<string, unknown>();
  const a = await startBridge([instance], { store, bus });
  const b = await startBridge([instance], { store, bus, publicURL: a.origin });
  const client = await a.connect();
  const { url } = await client.request(instance.host);
  // The other process has to publish to learn whether a client waits.
  const answer = await agree(new Visitor(), url.replace(a.origin, b.origin)).catch((error: unknown) => error);
  expect(inspect(answer)).toContain('503');
  expect(sent.length).toBeGreaterThan(0);
  const logged = inspect([a.events, b.events], { depth: 20, showHidden: true });
  expect(logged).toContain('the bus failed: Error ECONNRESET');
  for (const secret of [...sent, channel, 'PUBLISH']) expect(logged).not.toContain(secret);
});

it.each<[string, Partial<Bus>]>([
  ['rejects', { subscribe: (channel) => Promise.reject(failed(channel)) }],
  [
    'throws',
    {
      subscribe: (channel) => {
        throw failed(channel);
      },
    },
  ],
  ['never answers', { subscribe: () => new Promise(() => undefined) }],
])('tells the client where the bus %s', async (_how, broken) => {
  const bus = { publish: async () => 1, subscribe: async () => () => undefined, ...broken };
  const stage = await startBridge([instance], { bus, outbound: { timeoutMs: 2_000 } });
  const client = await stage.connect();
  client.ask(instance.host);
  expect((await client.hear('error')).code).toBe('store_failed');
  expect(stage.events).toContainEqual([
    'failed',
    { error: expect.objectContaining({ code: 'store_failed' }) },
  ]);
});

it('does not keep the bridge from closing in two seconds', async () => {
  const bus = { publish: async () => 1, subscribe: async () => () => new Promise(() => undefined) };
  const stage = await startBridge([instance], { bus });
  await (await stage.connect()).request(instance.host);
  const begun = performance.now();
  await stage.bridge.close();
  expect(performance.now() - begun).toBeLessThan(2_500);
});

it('ends a subscription that is made after the time limit, and has not made a second one meanwhile', async () => {
  let subscriptions = 0;
  let subscribed = (): void => undefined;
  let ended = 0;
  const bus: Bus = {
    publish: async () => 1,
    subscribe: () => {
      subscriptions += 1;
      return new Promise((resolve) => (subscribed = () => resolve(() => (ended += 1))));
    },
  };
  const stage = await startBridge([instance], { bus, outbound: { timeoutMs: 1_000 } });
  const client = await stage.connect();
  for (let i = 0; i < 2; i++) {
    client.ask(instance.host);
    expect((await client.hear('error')).code).toBe('store_failed');
  }
  await stage.bridge.close();
  subscribed();
  await until(() => ended === 1);
  expect(subscriptions).toBe(1);
});
