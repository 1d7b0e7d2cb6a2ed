/** Attacks on the bridge's page by other browsers and other pages. */

import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { formTokenFor } from '../../lib/pages/form';
import { pressScript } from '../../lib/pages/press';
import { localBus } from '../../lib/stores/bus';
import { startInstance, type StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { agree, formOf, press, startBridge, until, type Stage } from './stage';

let instance: StandIn;
let stage: Stage;
beforeEach(async () => {
  instance = await anInstance();
  stage = await startBridge([instance]);
});

const ask = async () => {
  const client = await stage.connect();
  return { client, ...(await client.request(instance.host)) };
};

const script =
  /<script type="module" src="(http:\/\/localhost:\d+\/button\/mastodon-login-[\w-]{16}\.js)"><\/script>\n/;

/** The page without its own scripts. */
const withoutScript = (text: string) =>
  text.replace(script, '').replace(`<script>${pressScript}</script>\n`, '');

const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

describe('the page', () => {
  it('names the application, the instance and the code, and has one button', async () => {
    const { url, code } = await ask();
    const page = await new Visitor().get(url);
    expect(page.status).toBe(200);
    expect(page.text).toMatch(/^<!doctype html>\n<html lang="en">/);
    for (const part of ['A game under test', instance.host, code, '<title>', 'name="viewport"']) {
      expect(page.text).toContain(part);
    }
    expect(page.text.match(/<button/g)).toHaveLength(1);
    expect(withoutScript(page.text)).not.toMatch(/<script|<link|<img|href=|src=/);
  });

  it('cannot be read by another origin, framed, changed or cached', async () => {
    const { url } = await ask();
    const visitor = new Visitor();
    const gone = await press(visitor, url);
    const done = await visitor.get(await visitor.approve(gone.location ?? ''));
    for (const { headers } of [await new Visitor().get(url), gone, done, await visitor.get(url)]) {
      expect(headers).toMatchObject({
        'cache-control': 'no-store, no-transform',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
      const policy = headers['content-security-policy'] ?? '';
      expect(policy).toMatch(/^default-src 'none'; base-uri 'none'; frame-ancestors 'none'; /);
      expect(policy).not.toMatch(/unsafe|\*/);
      // That header would cut the connection between a popup and the page that opened it.
      expect(headers).not.toHaveProperty('cross-origin-opener-policy');
    }
    expect(done.headers['content-security-policy']).toContain("form-action 'none'");
  });

  it('allows the button to redirect to any site, because an instance may redirect on', async () => {
    const { url } = await ask();
    const page = await new Visitor().get(url);
    expect(page.headers['content-security-policy']).not.toContain('form-action');
    expect(page.text).toMatch(/<form [^>]*data-turbo="false" hx-boost="false"/);
  });

  it('keeps Cloudflare from replacing handles', async () => {
    const { url } = await ask();
    const page = await agree(new Visitor(), url);
    expect(page.text).toMatch(/<!--email_off-->[^]*alice@localhost:\d+[^]*<!--\/email_off-->/);
  });

  it('allows exactly its own stylesheet', async () => {
    const { url } = await ask();
    const { text, headers } = await new Visitor().get(url);
    const style = /<style>(.*?)<\/style>/s.exec(text)?.[1] ?? '';
    expect(headers['content-security-policy']).toMatch(/; style-src [^; ]+$/);
    expect(headers['content-security-policy']).toContain(sha256(style));
    expect(text).not.toContain('style=');
  });

  it('lets exactly two scripts run: the button, a file that browsers keep, and its own', async () => {
    const { url } = await ask();
    const { text, headers } = await new Visitor().get(url);
    const source = script.exec(text)?.[1] ?? '';
    expect(headers['content-security-policy']).toContain(
      `; script-src ${source} ${sha256(pressScript)}; require-trusted-types-for 'script'; trusted-types 'none'; `,
    );
    const file = await new Visitor().get(source);
    expect([file.status, file.text.includes('mastodon-login')]).toEqual([200, true]);
    expect(file.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    });
    expect((await new Visitor().post(source)).status).toBe(404);
    for (const other of ['mastodon-login.js', '..%2fpackage.json', 'x']) {
      expect((await new Visitor().get(new URL(other, source).href)).status).toBe(404);
    }
    const gone = await new Visitor().get(`${url}x`);
    expect(gone.text).not.toContain('<script');
    expect(gone.headers['content-security-policy']).not.toContain('script-src');
  });

  it('escapes the name of the application', async () => {
    const name = `<script>alert("1")</script>'&`;
    const other = await startBridge([instance], { clientName: name });
    const { url } = await (await other.connect()).request(instance.host);
    const visitor = new Visitor();
    const { text } = await visitor.get(url);
    expect(withoutScript(text)).not.toContain('<script');
    expect(text).toContain('&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#39;&#38;');
    expect((await agree(visitor, url)).text).not.toContain('<script');
  });

  it.each([
    ['a'.padEnd(40, '\u0301'), `a${'\u0301'.repeat(4)}`],
    // With joiners between the combining marks.
    ['a'.padEnd(40, '\u0301\u200d'), 'a\u0301\u200d\u0301\u200d'],
    // Vietnamese in single letters, Thai, Tibetan, and an emoji of several characters.
    ...['Tie\u0302\u0301ng Vie\u0323\u0302t', 'ที่นี่', 'རྒྱུད', '👩🏽‍❤️‍💋‍👨'].map((name) => [name, name]),
  ])('shows the name %j without combining marks that would cover other lines', async (clientName, shown) => {
    const other = await startBridge([instance], { clientName });
    const { url } = await (await other.connect()).request(instance.host);
    expect((await new Visitor().get(url)).text).toContain(`<bdi>${shown}</bdi>`);
  });

  it('is the same for an unknown, an expired and an invalid ID', async () => {
    const { url, client } = await ask();
    const visitor = new Visitor();
    await agree(visitor, url);
    await client.hear('fulfill');
    const paths = [
      new URL(url).pathname,
      `/auth/${'A'.repeat(24)}`,
      '/auth/x',
      '/auth/%00',
      '/auth/__proto__',
    ];
    const pages = await Promise.all(paths.map((path) => new Visitor().get(stage.origin + path)));
    expect(new Set(pages.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(pages[0]?.status).toBe(404);
    expect(pages[0]?.text).toContain('not valid any more');
    expect(pages[0]?.headers['set-cookie']).toBeUndefined();
  });

  it('accepts no other methods, and has no other paths', async () => {
    const { url } = await ask();
    const answer = (path: string, method: string) => fetch(path, { method, redirect: 'manual' });
    const wrong = await answer(url, 'DELETE');
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
    expect((await answer(`${stage.origin}/callback/${instance.host}/done?code=1`, 'POST')).status).toBe(405);
    for (const path of [
      '/',
      '/auth',
      '/auth/',
      '/auth/a/b',
      '/callback',
      '/callback/a',
      '//auth/x',
      '/other',
    ]) {
      const { status, headers } = await answer(stage.origin + path, 'GET');
      expect([path, status, headers.get('content-type')]).toEqual([path, 404, 'text/html; charset=utf-8']);
    }
  });
});

describe('the browser', () => {
  it('is recognised by a cookie that scripts and other sites do not receive', async () => {
    const { url, expires } = await ask();
    const [cookie = '', ...more] = (await new Visitor().get(url)).headers['set-cookie'] ?? [];
    expect(more).toEqual([]);
    expect(cookie).toMatch(
      /^mastodon-bridge-[\w-]{8}-browser=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    expect(expires).toBeGreaterThan(Date.now());
  });

  it('distinguishes two bridges on one host', async () => {
    const names = [];
    for (const path of ['/a', '/b']) {
      const other = await startBridge([instance], { publicURL: `https://login.example${path}` });
      const { url } = await (await other.connect()).request(instance.host);
      const page = await new Visitor().get(other.origin + new URL(url).pathname);
      names.push(page.headers['set-cookie']?.[0]?.split('=')[0]);
    }
    expect(new Set(names).size).toBe(2);
  });

  it('gets a cookie for https only, which no other host of the domain can plant', async () => {
    const other = await startBridge([instance], { publicURL: 'https://login.example/at' });
    const { url } = await (await other.connect()).request(instance.host);
    expect(url).toMatch(/^https:\/\/login\.example\/at\/auth\//);
    const page = await new Visitor().get(other.origin + new URL(url).pathname);
    expect(page.headers['set-cookie']?.[0]).toMatch(/^__Host-.*; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
  });

  it('may open the page any number of times, and so may others before the button is pressed', async () => {
    const { url, client } = await ask();
    for (let time = 0; time < 3; time++) expect((await new Visitor().get(url)).status).toBe(200);
    expect((await agree(new Visitor(), url)).status).toBe(200);
    await client.hear('fulfill');
  });

  it('cannot fill the store by pressing the button many times', async () => {
    const { url } = await ask();
    const visitor = new Visitor();
    const statuses = [];
    for (let time = 0; time < 25; time++) statuses.push((await press(visitor, url)).status);
    expect(statuses.filter((status) => status === 303)).toHaveLength(20);
  });

  it('may press again, and can finish any of its logins, but only one', async () => {
    const { url, client } = await ask();
    const visitor = new Visitor();
    const first = await press(visitor, url);
    const second = await press(visitor, url);
    expect(second.status).toBe(303);
    const callback = await visitor.approve(first.location ?? '');
    expect((await visitor.get(callback)).status).toBe(200);
    await client.hear('fulfill');
    expect((await visitor.get(await visitor.approve(second.location ?? ''))).status).toBe(403);
    expect(await client.hearsNothing()).toBe(true);
  });

  it('reserves the request once it has pressed the button', async () => {
    const { url, client } = await ask();
    const [owner, other] = [new Visitor(), new Visitor()];
    const form = formOf(await other.get(url));
    const { location } = await press(owner, url);
    const pages = [
      await other.get(url),
      await other.post(form.action, form.fields),
      await new Visitor().get(url),
    ];
    for (const { status, text } of pages) {
      expect([status, text]).toEqual([409, expect.stringContaining('already in use')]);
    }
    // The owner can still finish the login.
    expect((await owner.get(await owner.approve(location ?? ''))).status).toBe(200);
    await client.hear('fulfill');
  });

  it('has one cookie, however many requests it opens', async () => {
    const visitor = new Visitor();
    const { host } = new URL(stage.origin);
    for (let count = 0; count < 25; count++) {
      const { url, client } = await ask();
      expect((await press(visitor, url)).status).toBe(303);
      expect(visitor.jars.get(host)?.size).toBe(1);
      client.socket.close();
    }
    const { url, client } = await ask();
    await agree(visitor, url);
    await client.hear('fulfill');
  });
});

describe('with a slow store', () => {
  const slowStore = () => {
    const map = new Map<string, unknown>();
    const slowly =
      <T extends unknown[], R>(act: (...args: T) => R) =>
      async (...args: T): Promise<R> => {
        await pause(10);
        return act(...args);
      };
    return {
      get: slowly((key: string) => map.get(key)),
      set: slowly((key: string, value: unknown) => map.set(key, value)),
      delete: slowly((key: string) => map.delete(key)),
    };
  };

  it('a browser that pressed twice at once is one browser', async () => {
    const { connect } = await startBridge([instance], { store: slowStore() });
    const { url } = await (await connect()).request(instance.host);
    const visitor = new Visitor();
    const { action, fields } = formOf(await visitor.get(url));
    const pages = await Promise.all([visitor.post(action, fields), visitor.post(action, fields)]);
    expect(pages.map(({ status }) => status)).toEqual([303, 303]);
  });

  it('of several browsers that press at the same moment, one gets the request', async () => {
    // Two processes, because one process alone already serialises reads of the store.
    const store = slowStore();
    const bus = localBus();
    const [one, two] = [
      await startBridge([instance], { store, bus }),
      await startBridge([instance], { store, bus }),
    ];
    const { url } = await (await one.connect()).request(instance.host);
    const urls = [url, url, url, url.replace(one.origin, two.origin), url.replace(one.origin, two.origin)];
    const visitors = urls.map((at) => ({ at, visitor: new Visitor() }));
    const forms = await Promise.all(
      visitors.map(async ({ at, visitor }) => ({ at, visitor, ...formOf(await visitor.get(at)) })),
    );
    const pages = await Promise.all(forms.map(({ at, visitor, fields }) => visitor.post(at, fields)));
    expect(pages.filter(({ status }) => status === 409)).toHaveLength(4);
  });

  it('a client that disconnects while its request is written leaves no record', async () => {
    const store = slowStore();
    let hold: ((key: string) => Promise<void>) | undefined;
    const set = async (key: string, value: unknown) => {
      await hold?.(key);
      return store.set(key, value);
    };
    const { connect, bridge, events } = await startBridge([instance], { store: { ...store, set } });
    await (await connect()).request(instance.host);
    const client = await connect();
    let release = () => undefined as void;
    const isWritten = new Promise<void>((resolve) => {
      hold = (key) => {
        if (!key.includes(':bridge-')) return Promise.resolve();
        resolve();
        hold = undefined;
        return new Promise((go) => (release = go));
      };
    });
    client.ask(instance.host);
    await isWritten;
    client.socket.terminate();
    while (bridge.status().sockets > 1) await pause(5);
    release();
    while (bridge.status().pending > 1) await pause(5);
    expect(bridge.status()).toEqual({ sockets: 1, pending: 1 });
    expect(events.filter(([event]) => event === 'request_opened')).toHaveLength(1);
  });
});

describe('an attacker', () => {
  it('cannot end a login with links to its own requests', async () => {
    const { url, client } = await ask();
    const visitor = new Visitor();
    const { location } = await press(visitor, url);
    for (let count = 0; count < 15; count++) await visitor.get((await ask()).url);
    expect((await visitor.get(await visitor.approve(location ?? ''))).status).toBe(200);
    await client.hear('fulfill');
  });

  it('cannot end a login with its own form, to which browsers add no cookies', async () => {
    const { url, client } = await ask();
    const visitor = new Visitor();
    const { location } = await press(visitor, url);
    const callback = await visitor.approve(location ?? '');
    for (const headers of [{ 'Sec-Fetch-Site': 'cross-site' }, {}]) {
      const answer = await new Visitor().post((await ask()).url, { proof: 'x' }, headers);
      expect([answer.status, answer.headers['set-cookie']]).toEqual([403, undefined]);
    }
    expect((await visitor.get(callback)).status).toBe(200);
    await client.hear('fulfill');
  });

  it('cannot log in a visitor who consented before without a page of the instance', async () => {
    const visitor = new Visitor();
    const first = await ask();
    await agree(visitor, first.url);
    await first.client.hear('fulfill');
    const { location = '' } = await press(visitor, (await ask()).url);
    expect(await visitor.get(location)).toMatchObject({
      status: 200,
      text: expect.stringContaining('<form'),
    });
  });

  it('cannot press the button for the visitor, from its own page', async () => {
    const { url, client } = await ask();
    const victim = new Visitor();
    const { fields } = formOf(await victim.get(url));
    const attacker = new Visitor();
    const stolen = formOf(await attacker.get(url)).fields;
    const { host } = new URL(stage.origin);
    const cookie = [...(victim.jars.get(host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
    const attempts: [what: string, fields: Record<string, string>, headers: Record<string, string>][] = [
      ['without the cookie, as SameSite has it', fields, {}],
      ['without the cookie, and with what would go with an empty one', { proof: formTokenFor('') }, {}],
      ['without the form', {}, { Cookie: cookie }],
      ['with the form of another browser', stolen, { Cookie: cookie }],
      ['from a site of the same domain', fields, { Cookie: cookie, 'Sec-Fetch-Site': 'same-site' }],
      ['from another site', fields, { Cookie: cookie, 'Sec-Fetch-Site': 'cross-site' }],
      ['from another origin', fields, { Cookie: cookie, Origin: 'https://evil.example' }],
      ['with too large a form', { more: 'x'.repeat(10_000), ...fields }, { Cookie: cookie }],
    ];
    for (const [what, form, headers] of attempts) {
      const page = await new Visitor().post(url, form, headers);
      expect([what, page.status, page.location]).toEqual([what, 403, undefined]);
      expect(page.text).toContain('press the button again');
    }
    expect(instance.registrations).toBe(0);
    const own = { 'Sec-Fetch-Site': 'same-origin', Origin: stage.origin };
    expect((await victim.post(url, fields, own)).status).toBe(303);
    expect((await victim.post(url, fields, { Origin: 'null' })).status).toBe(303);
    expect(await client.hearsNothing()).toBe(true);
  });

  it('cannot finish the login in another browser, and cannot end the request', async () => {
    const { url, client } = await ask();
    const [owner, thief] = [new Visitor(), new Visitor()];
    await thief.get(url);
    const { location } = await press(owner, url);
    const callback = await owner.approve(location ?? '');
    expect((await thief.get(callback)).status).toBe(403);
    expect(await client.hearsNothing()).toBe(true);
    // A code that was seen elsewhere is not redeemed. The owner presses the button again.
    expect((await owner.get(callback)).status).toBe(403);
    expect((await agree(owner, url)).status).toBe(200);
    await client.hear('fulfill');
  });

  it('cannot use a button that was pressed once, in a browser without scripts', async () => {
    const { url, client } = await ask();
    const visitor = new Visitor();
    const { action, fields } = formOf(await visitor.get(url));
    const { meant, ...once } = fields;
    expect(meant).toBe('yes');
    const page = await visitor.post(action, once);
    expect([page.status, page.location]).toEqual([403, undefined]);
    expect(page.text.replace(/<noscript>.*?<\/noscript>/gs, '')).toContain(
      '<input type="checkbox" name="meant"',
    );
    expect((await visitor.post(action, formOf(page).fields)).status).toBe(303);
    expect(await client.hearsNothing()).toBe(true);
  });

  it('cannot cancel the login with its own denial', async () => {
    const { url, client } = await ask();
    const owner = new Visitor();
    const { location } = await press(owner, url);
    const denial = `${stage.origin}/callback/${instance.host}/done?error=access_denied`;
    for (const stranger of [new Visitor(), new Visitor()]) {
      await stranger.get(stage.origin + new URL(url).pathname);
      expect((await stranger.get(denial)).status).toBe(403);
    }
    expect(await client.hearsNothing()).toBe(true);
    expect((await owner.get(await owner.approve(location ?? ''))).status).toBe(200);
  });

  it('cannot cancel the login with a link to a denial without state, where the server always sends one', async () => {
    const { url, client } = await ask();
    const owner = new Visitor();
    const { location } = await press(owner, url);
    const denial = `${stage.origin}/callback/${instance.host}/done?error=access_denied`;
    expect((await owner.get(denial)).status).toBe(403);
    expect(await client.hearsNothing()).toBe(true);
    expect((await owner.get(await owner.approve(location ?? ''))).status).toBe(200);
    await client.hear('fulfill');
  });

  it('cannot use a login twice', async () => {
    const { url, client } = await ask();
    const visitor = new Visitor();
    const { location } = await press(visitor, url);
    const callback = await visitor.approve(location ?? '');
    const pages = await Promise.all([visitor.get(callback), visitor.get(callback), visitor.get(callback)]);
    expect(pages.map(({ status }) => status).sort()).toEqual([200, 403, 403]);
    await client.hear('fulfill');
    expect(await client.hearsNothing()).toBe(true);
    expect((await visitor.get(callback)).status).toBe(403);
  });

  it('cannot finish one request with the login of another', async () => {
    const [mine, theirs] = [await ask(), await ask()];
    const visitor = new Visitor();
    await visitor.get(theirs.url);
    await agree(visitor, mine.url);
    await mine.client.hear('fulfill');
    expect(await theirs.client.hearsNothing()).toBe(true);
  });

  it('cannot present one instance as another', async () => {
    const evil = await startInstance();
    const both = await startBridge([instance, evil]);
    const client = await both.connect();
    const { url } = await client.request(instance.host);
    const visitor = new Visitor();
    const { location } = await press(visitor, url);
    const callback = await visitor.approve(location ?? '');
    const page = await visitor.get(callback.replace(`/callback/${instance.host}`, `/callback/${evil.host}`));
    expect(page.status).toBe(403);
    expect((await client.hear('error')).code).toBe('login_mismatch');
    expect(evil.requestsTo('POST /oauth/token')).toEqual([]);
    await evil.close();
  });
});

describe('a fault that only the operator can fix', () => {
  it('is reported to the client and to the log, and shown without details', async () => {
    const broken = new Map<string, unknown>();
    let isBroken = false;
    const fail = () => {
      if (isBroken) throw new Error('secret details');
    };
    const other = await startBridge([instance], {
      store: {
        get: (key) => (fail(), broken.get(key)),
        set: (key, value) => (fail(), broken.set(key, value)),
        delete: (key) => (fail(), broken.delete(key)),
      },
    });
    const client = await other.connect();
    const { url } = await client.request(instance.host);
    const visitor = new Visitor();
    const form = formOf(await visitor.get(url));
    isBroken = true;
    for (const page of [await visitor.get(url), await visitor.post(form.action, form.fields)]) {
      expect(page.status).toBe(503);
      expect(page.text).not.toContain('secret details');
    }
    client.ask(instance.host);
    expect((await client.hear('error')).code).toBe('store_failed');
    await until(() => other.events.some(([event]) => event === 'failed'));
    isBroken = false;
    await agree(visitor, url);
    await client.hear('fulfill');
  });
});
