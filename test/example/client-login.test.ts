/** The terminal client, the service and an instance together: a login from the first line to the last. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agree, press } from '../bridge/stage';
import {
  killAll,
  lines,
  startNode,
  startService,
  startServiceAt,
  type NodeProcess,
} from '../service/service-process';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';

let instance: StandIn;
let port: number;
const folder = mkdtempSync(join(tmpdir(), 'client-login-'));

beforeEach(async () => (instance = await anInstance()));
afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = (at: number): string => `app_name: A game
app_host: localhost:${at}
app_scheme: http
listen: localhost:${at}
development_instances: ${instance.origin}
`;

async function start(): Promise<NodeProcess> {
  const service = await startService(folder, config);
  port = service.port;
  return service.process;
}

const startClient = (...host: string[]): NodeProcess =>
  startNode(['example/client.js', `ws://localhost:${port}`, ...host]);

const addressIn = (line: string): string => line.trim();
const anAddress = /^ {2}http:\/\/localhost:\d+\/auth\/\S+$/;

it('logs in', async () => {
  await start();
  const client = startClient();
  client.write(`no host\n${instance.host}\n`);
  const url = addressIn(await lines(client, anAddress));
  const code = /code: (\S+)$/.exec(await lines(client, /code: /))?.[1];
  const page = await new Visitor().get(url);
  expect(page.text).toContain(code);
  expect(page.text).toContain('A game');
  await agree(new Visitor(), url, 'bob');
  expect(await client.ended).toBe(0);
  const output = client.output.join('\n');
  expect(output).toContain(`Logged in as @bob@${instance.host} (Bob).`);
  for (const { token } of instance.tokens.values()) expect(output).not.toContain(token);
});

it('reports that the user denied the request', async () => {
  await start();
  const client = startClient(instance.host);
  const visitor = new Visitor();
  const { location = '' } = await press(visitor, addressIn(await lines(client, anAddress)));
  const callback = await visitor.deny(location);
  await visitor.follow(await visitor.get(callback));
  expect(await client.ended).toBe(1);
  expect(client.errors()).toBe(
    `The login was cancelled on ${instance.host}. If that was a mistake, please log in again.\n`,
  );
});

it('begins again when the service was killed and is back, with what the service knew before', async () => {
  const service = await start();
  const client = startClient(instance.host);
  const first = addressIn(await lines(client, anAddress));
  await service.kill('SIGKILL');
  await lines(client, /The connection was closed\. Trying again/);
  await startServiceAt(port, folder, config);
  const again = new RegExp(`^ {2}(?!.*${new URL(first).pathname})http://localhost:\\d+/auth/\\S+$`);
  await agree(new Visitor(), addressIn(await lines(client, again)));
  expect(await client.ended).toBe(0);
  expect(instance.registrations).toBe(1);
});
