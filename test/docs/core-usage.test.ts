/** The server in docs/core.md, run unchanged, with an instance of the testing kit. */

import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import request from 'supertest';
import { startInstance, type TestInstance } from '../../lib/testing';
import { exportsOf } from './run-block';

/** Runs the first block of TypeScript on the page. It may log in at the instance, and listens on any port. */
function serverOfPage(instance: TestInstance): Server {
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'core.md'), 'utf8');
  const code = /```ts\n(.*?)```/s.exec(page)?.[1] ?? '';
  const replaced = code
    .replace("clientName: 'Example',", `$& developmentInstances: ['${instance.origin}'],`)
    .replace('createServer((', 'export const server = createServer((')
    .replace('.listen(3000)', ".listen(0, '127.0.0.1')");
  const { server } = exportsOf<{ server: Server }>(replaced);
  if (!server) throw new Error('docs/core.md makes no server');
  return server;
}

let instance: TestInstance;
let server: Server;
let origin: string;
beforeAll(async () => {
  instance = await startInstance({ accounts: ['ada'] });
  server = serverOfPage(instance);
  await new Promise((resolve) => server.once('listening', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await instance.close();
});

/** Begins a login, and consents as ada. */
async function begun(): Promise<{ path: string; cookie: string }> {
  const start = await request(origin)
    .post('/login')
    .type('form')
    .send({ instance: instance.host })
    .expect(302);
  const callback = new URL(await instance.approve(start.headers['location'] ?? '', { as: 'ada' }));
  const [cookie = ''] = String(start.headers['set-cookie']).split(';');
  return { path: callback.pathname + callback.search, cookie };
}

it('logs a visitor in, once', async () => {
  const { path, cookie } = await begun();
  await request(origin).get(path).set('Cookie', cookie).expect(200, `Hello ada@${instance.host}`);
  await request(origin).get(path).set('Cookie', cookie).expect(403);
});

it('a preloaded callback does not use the login up', async () => {
  const { path, cookie } = await begun();
  await request(origin).head(path).set('Cookie', cookie).expect(503);
  await request(origin).get(path).set('Cookie', cookie).set('Sec-Purpose', 'prefetch').expect(503);
  await request(origin).get(path).set('Cookie', cookie).expect(200);
});

it('a callback in another browser, and a start by a page of another site, are refused', async () => {
  const { path } = await begun();
  await request(origin).get(path).expect(403);
  const start = request(origin).post('/login').type('form').send({ instance: instance.host });
  await start.set('Sec-Fetch-Site', 'cross-site').expect(403);
});

it('a typing mistake is answered with a sentence', async () => {
  await request(origin).post('/login').type('form').send({ instance: '' }).expect(400);
});
