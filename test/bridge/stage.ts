/** A bridge on its own server, clients that connect to it, and browsers that open its pages. */

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import WebSocket, { type ClientOptions } from 'ws';
import { createBridge, type Bridge, type BridgeOptions } from '../../lib/bridge';
import { listenLocally } from '../support/free-port';
import { until } from '../support/hostile';
import type { StandIn } from '../support/instance';
import type { Page, Visitor } from '../support/visitor';

export { until };

export interface Stage {
  readonly origin: string;
  readonly server: Server;
  readonly bridge: Bridge;
  /** The events in order. */
  readonly events: [event: string, fields: Readonly<Record<string, unknown>>][];
  connect(options?: ClientOptions & { path?: string }): Promise<Client>;
  close(): Promise<void>;
}

const open: { close(): Promise<void> | void }[] = [];

/** Every test ends with this. */
export async function closeAll(): Promise<void> {
  for (const { close } of open.splice(0).reverse()) await close();
}
afterEach(closeAll);

export interface StageOptions extends Partial<BridgeOptions> {
  /** Path of the public URL. */
  base?: string;
  /** Handles the server's requests in place of the bridge's router. */
  serve?: (bridge: Bridge) => Parameters<typeof createServer>[1];
}

export async function startBridge(
  instances: readonly StandIn[],
  { base = '', serve, ...options }: StageOptions = {},
): Promise<Stage> {
  const server = createServer();
  const port = await listenLocally(server);
  const origin = `http://localhost:${port}`;
  const events: Stage['events'] = [];
  const bridge = createBridge({
    clientName: 'A game under test',
    publicURL: origin + base,
    developmentInstances: instances.map((instance) => instance.origin),
    log: ({ event, ...fields }) => events.push([event, fields]),
    ...options,
  });
  server.on('request', serve?.(bridge) ?? bridge.router);
  bridge.attach(server);
  const stage: Stage = {
    origin,
    server,
    bridge,
    events,
    connect: ({ path = options.path ?? '/', ...more } = {}) =>
      Client.open(`ws://localhost:${port}${path}`, more),
    async close() {
      await bridge.close();
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
  open.push(stage);
  return stage;
}

/* eslint-disable @typescript-eslint/no-explicit-any -- messages of any shape */

/** A client that records the messages that it receives. */
export class Client {
  readonly heard: any[] = [];
  /** The code with which the socket was closed. */
  readonly ended: Promise<number>;
  private wake = (): void => undefined;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data, isBinary) => {
      this.heard.push(isBinary ? { type: 'binary' } : JSON.parse(String(data)));
      this.wake();
    });
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => socket.on('close', resolve));
    open.push({ close: () => socket.terminate() });
  }

  static async open(url: string, options: ClientOptions = {}): Promise<Client> {
    const socket = new WebSocket(url, options);
    const client = new Client(socket);
    await once(socket, 'open');
    return client;
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  ask(host: string): void {
    this.say({ type: 'auth', parameters: { host } });
  }

  /** The parameters of the next message, which must be of this type. */
  async hear(type: string): Promise<any> {
    while (this.heard.length === 0) {
      const heard = new Promise<void>((resolve) => (this.wake = resolve));
      const closed = await Promise.race([heard, this.ended]);
      if (closed !== undefined) throw new Error(`The socket was closed (${closed}) before ${type}`);
    }
    const message = this.heard.shift();
    expect(message).toMatchObject({ type });
    return message.parameters;
  }

  /** Sends `auth` and waits for `set-id`. */
  async request(host: string): Promise<{ id: string; url: string; code: string; expires: number }> {
    this.ask(host);
    return this.hear('set-id');
  }

  /** True if no message arrives for a while. */
  async hearsNothing(milliseconds = 150): Promise<boolean> {
    await pause(milliseconds);
    return this.heard.length === 0;
  }
}

/** The form of a page, with the box ticked that browsers without scripts show. */
export function formOf(page: Page): { action: string; fields: Record<string, string> } {
  const [, head = '', inner = ''] = /<form([^>]*)>(.*?)<\/form>/s.exec(page.text) ?? [];
  if (!head.includes('post')) throw new Error(`No form at ${page.url} (${page.status}): ${page.text}`);
  const fields = [...inner.matchAll(/<input[^>]*name="([^"]*)" value="([^"]*)"/g)];
  return { action: page.url, fields: Object.fromEntries(fields.map(([, name, value]) => [name, value])) };
}

/** Opens the page and presses its button, in a browser without scripts. */
export async function press(visitor: Visitor, url: string): Promise<Page> {
  const { action, fields } = formOf(await visitor.get(url));
  return visitor.post(action, fields);
}

/** Opens the page, presses the button, consents at the instance, and opens the callback. */
export async function agree(visitor: Visitor, url: string, as = 'alice'): Promise<Page> {
  const { location, status, text } = await press(visitor, url);
  if (location === undefined) throw new Error(`No way to the instance (${status}): ${text}`);
  return visitor.get(await visitor.approve(location, { as }));
}
