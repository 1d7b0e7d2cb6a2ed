/** The terminal client, the issuer as a service and an instance together: a login by the device grant. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logInAt, openPage, press } from '../issuer/stage';
import { killAll, lines, startNode, startService, type NodeProcess } from '../service/service-process';
import { freePort } from '../support/free-port';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor, type Page } from '../support/visitor';

let instance: StandIn;
const folder = mkdtempSync(join(tmpdir(), 'device-login-'));

beforeEach(async () => (instance = await anInstance()));
afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = (at: number): string => `app_name: A game
app_host: localhost:${at}
app_scheme: http
listen: localhost:${at}
device_flow: true
clients:
  - client_id: game
    client_name: A Game
    token_endpoint_auth_method: none
    grant_types: urn:ietf:params:oauth:grant-type:device_code
development_instances: ${instance.origin}
`;

async function startClient(id = 'game'): Promise<NodeProcess> {
  const { port } = await startService(folder, config, 'issuer');
  return startNode(['example/client.js', '--issuer', `http://localhost:${port}`, '--client-id', id]);
}

/** Opens the address that the client shows; the page has the code that the client shows. */
async function compare(client: NodeProcess, visitor: Visitor): Promise<Page> {
  const url = (await lines(client, /^ {2}http:\/\/localhost:\d+\/device\?/)).trim();
  const code = /code: (\S+)$/.exec(await lines(client, /code: /))?.[1] ?? '';
  const page = await press(visitor, await openPage(visitor, url));
  expect(page.text).toContain(`>${code}<`);
  return page;
}

it('logs in with an issuer, and names the user', async () => {
  const client = await startClient();
  const visitor = new Visitor();
  const page = await compare(client, visitor);
  const done = await logInAt(visitor, await visitor.follow(await press(visitor, page)), instance, 'bob');
  expect(done.text).toContain('A Game');
  expect(await client.ended).toBe(0);
  const sub = `${instance.origin}#${String(instance.account('bob').id)}`;
  expect(client.output.join('\n')).toContain(`Logged in as @bob@${instance.host} (Bob), who is ${sub}.`);
  expect(client.errors()).toBe('');
});

it('reports that the user did not begin the request', async () => {
  const client = await startClient();
  const visitor = new Visitor();
  await press(visitor, await compare(client, visitor), { abort: 'yes' });
  expect(await client.ended).toBe(1);
  expect(client.errors()).toBe('The login was cancelled.\n');
});

it('reports why it cannot begin', async () => {
  const unknown = await startClient('unknown');
  expect(await unknown.ended).toBe(1);
  expect(unknown.errors()).toMatch(/^The issuer at localhost:\d+ does not know this program\.\n$/);
  const host = `localhost:${await freePort()}`;
  const nowhere = startNode(['example/client.js', '--issuer', `http://${host}`]);
  expect(await nowhere.ended).toBe(1);
  expect(nowhere.errors()).toBe(`The issuer at ${host} cannot be used (ECONNREFUSED).\n`);
});
