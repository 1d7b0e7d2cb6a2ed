/** Runs the client of docs/issuer.md against the issuer of its issuer.yml. Only the ports differ. */

import http, { type RequestListener, type Server } from 'node:http';
import { parse } from 'yaml';
import type { IssuerClient } from '../../lib/issuer';
import { anIssuer, answerOf, logInAt, openPage } from '../issuer/stage';
import { listenLocally } from '../support/free-port';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { allPages, blockOf, blocksOf } from './pages';
import { javaScriptOf } from './run-block';

const [page] = allPages().filter(({ path }) => path === 'docs/issuer.md');
const code = blockOf('docs/issuer.md', 'test/docs/issuer.test.ts', 'createServer');
const [file = ''] = blocksOf(page!).flatMap(({ tag, code }) => (tag?.kind === 'config' ? [code] : []));
const { clients, ...addresses } = parse(file) as { clients: IssuerClient[]; app_host: string };

function moved(text: string, from: string, to: string): string {
  expect(text).toContain(from);
  return text.replace(from, to);
}

/** The client of the page, on a free port instead of 3003. */
async function startClient(issuerURL: string, callback: string, server: Server): Promise<void> {
  const written = moved(
    moved(code, `http://${addresses.app_host}`, issuerURL),
    clients[0]!.redirect_uris![0]!,
    callback,
  );
  const script = javaScriptOf(moved(written, '.listen(3003)', ''), 'commonjs');
  const createServer = (listener: RequestListener) => server.on('request', listener);
  const given = (name: string): unknown =>
    name === 'node:http' ? { ...http, createServer } : (require(name) as unknown); // eslint-disable-line @typescript-eslint/no-require-imports -- as the page's imports were written
  const run = new Function('require', 'exports', `return (async () => { ${script} })()`) as (
    ...args: unknown[]
  ) => Promise<void>;
  await run(given, {});
}

let client: Server;
let origin: string;
let instance: Awaited<ReturnType<typeof anInstance>>;

beforeEach(async () => {
  instance = await anInstance();
  client = http.createServer();
  origin = `http://localhost:${await listenLocally(client)}`;
  const redirects = [`${origin}/callback`];
  const { issuerURL } = await anIssuer([instance], {
    clients: [{ ...clients[0]!, redirect_uris: redirects }],
  });
  await startClient(issuerURL, redirects[0]!, client);
});
afterEach(() => {
  client.closeAllConnections();
  client.close();
});

/** The URL of the client to which a visitor returns after a login. */
async function answerTo(visitor: Visitor): Promise<URL> {
  const { location = '' } = await visitor.get(origin);
  return answerOf(await logInAt(visitor, await openPage(visitor, location), instance));
}

it('shows who has logged in', async () => {
  const visitor = new Visitor();
  const said = await visitor.get(String(await answerTo(visitor)));
  expect(said.text).toBe(
    `alice@${instance.host} is logged in: ${instance.origin}#${instance.account('alice').id}`,
  );
});

it('refuses a login link that another browser has begun', async () => {
  const answer = await answerTo(new Visitor());
  expect((await new Visitor().get(String(answer))).text).toMatch(/^That did not work: /);
});
