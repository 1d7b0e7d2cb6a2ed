/** Whole logins by systems that nobody here wrote: at the site, the issuer's page, the instance, and back. */

import { anIssuer, logInAt } from '../issuer/stage';
import { freePort } from '../support/free-port';
import { anInstance } from '../support/stage';
import { Visitor, type Page } from '../support/visitor';
import { certificate, startSite } from './running';

interface Consumer {
  readonly name: string;
  readonly callback: string;
  /** It knows no PKCE. */
  readonly withoutPKCE?: true;
  /** Presses the site's button; the page is a redirect to the issuer. */
  readonly begin?: (visitor: Visitor, origin: string) => Promise<Page>;
  /** Needs an address. */
  readonly placeholder?: boolean;
}

const consumers: readonly Consumer[] = [
  { name: 'express-openid-connect', callback: '/callback' },
  { name: 'passport-openidconnect', callback: '/callback', withoutPKCE: true },
  { name: 'better-auth', callback: '/api/auth/callback/mastodon', placeholder: true },
  {
    name: 'auth-express',
    callback: '/auth/callback/mastodon',
    async begin(visitor, origin) {
      const { csrfToken } = (await visitor.get(`${origin}/auth/csrf`)).json() as { csrfToken: string };
      return visitor.post(`${origin}/auth/signin/mastodon`, { csrfToken, callbackUrl: `${origin}/` });
    },
  },
];

it.each(consumers)('$name logs somebody in, and tells two people apart', async (consumer) => {
  const instances = [await anInstance(), await anInstance()];
  const origin = `http://localhost:${await freePort()}`;
  const client = {
    client_id: 'site',
    ...(consumer.withoutPKCE && { require_pkce: false }),
    client_secret: 'the secret between the site and the issuer',
    client_name: 'A site',
    redirect_uris: [origin + consumer.callback],
    placeholder_email: consumer.placeholder ?? false,
  };
  const { issuerURL } = await anIssuer(instances, { tls: certificate, clients: [client] });
  await startSite(consumer.name, {
    ISSUER: issuerURL,
    ORIGIN: origin,
    CLIENT_ID: client.client_id,
    CLIENT_SECRET: client.client_secret,
  });
  const found = [];
  for (const instance of instances) {
    const visitor = new Visitor();
    const begin = consumer.begin ?? (() => visitor.get(`${origin}/login`));
    const begun = await begin(visitor, origin);
    const page = await visitor.follow(await visitor.get(begun.location ?? ''));
    const back = await logInAt(visitor, page, instance);
    expect(String(back.location)).toContain(origin);
    await visitor.follow(await visitor.get(back.location ?? ''));
    const me = (await visitor.get(`${origin}/me`)).json() as Record<string, unknown> | null;
    expect(me).toMatchObject({
      sub: `${instance.origin}#${String(instance.account('alice').id)}`,
      name: 'Alice',
    });
    found.push(me);
  }
  expect(new Set(found.map((me) => me?.sub)).size).toBe(2);
});
