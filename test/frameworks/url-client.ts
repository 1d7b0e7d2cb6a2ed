/** The client metadata document of a site under every framework: a server like Misskey fetches it. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aFront, aMisskey, trusted } from '../support/url-client-stage.js';
import { Visitor } from '../support/visitor.js';
import { runSite, type RunningSite } from './running.js';

/** @param program path below the repository's root, which serves its document at /auth/mastodon/client/:instance */
export function isKnownByItsURL(program: string): void {
  it('logs a visitor in at a Misskey, which has fetched the document', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'authority-'));
    const trusts = join(folder, 'ca.pem');
    writeFileSync(trusts, trusted());
    let site: RunningSite | undefined;
    try {
      const front = await aFront((...exchange) => passOn(site?.origin ?? '', ...exchange));
      const instance = await aMisskey();
      site = await runSite(program, instance.origin, { origin: front.origin, trusts });
      const visitor = new Visitor();
      const { location = '' } = await visitor.post(`${site.origin}/auth/mastodon`, {
        instance: instance.host,
      });
      expect(new URL(location).searchParams.get('client_id')).toBe(
        `${front.origin}/auth/mastodon/client/${instance.host}`,
      );
      await visitor.follow(await visitor.get(site.at(await visitor.approve(location))));
      expect((await visitor.get(`${site.origin}/me`)).json()).toMatchObject({
        user: { id: `${instance.origin}#${instance.account('alice').id}`, handle: `alice@${instance.host}` },
      });
      await answersAsItShould(`${site.origin}/auth/mastodon/client`, instance.host);
    } finally {
      await site?.close();
      rmSync(folder, { recursive: true });
    }
  });
}

async function answersAsItShould(clientMetadataURL: string, host: string): Promise<void> {
  const get = await fetch(`${clientMetadataURL}/${host}`);
  const head = await fetch(`${clientMetadataURL}/${host}`, { method: 'HEAD' });
  expect([get.status, head.status, get.headers.get('set-cookie')]).toEqual([200, 200, null]);
  for (const name of ['link', 'content-type', 'content-length', 'cache-control', 'content-security-policy']) {
    expect(get.headers.get(name)).not.toBeNull();
    expect([name, head.headers.get(name)]).toEqual([name, get.headers.get(name)]);
  }
  const nothing = await fetch(`${clientMetadataURL}/nothing`);
  expect(nothing.status).toBe(404);
  expect(nothing.headers.get('link')).toBeNull();
}

/** The part of a proxy in front of the site that handles https. */
function passOn(origin: string, ...[req, res]: Parameters<RequestListener>): void {
  const { method, headers, url = '/' } = req;
  const passed = request(origin + url, { method, headers, agent: false }, (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(res);
  });
  passed.once('error', () => res.destroy());
  req.pipe(passed);
}
