/** Clients without registration: their ID is the URL of their client metadata document. */

import * as openid from 'openid-client';
import { anInstance } from '../support/stage';
import { Visitor } from '../support/visitor';
import { aDocumentSite, aKeyPair, anOpenIssuer, discoverAs } from './document-stage';
import { answerOf, ask, formsOf, logInAt, openPage, press } from './stage';

async function aStage(options: Parameters<typeof anOpenIssuer>[2] = {}) {
  const [instance, site] = [await anInstance(), await aDocumentSite()];
  const stage = await anOpenIssuer([instance], [site], options);
  const config = await discoverAs(stage, site.clientId);
  const begin = () => ask(config, { redirect_uri: site.redirectURI });
  return { instance, site, stage, config, begin, visitor: new Visitor() };
}

describe('a client with a metadata document', () => {
  it('logs users in, like any other client', async () => {
    const { instance, site, config, begin, visitor } = await aStage();
    expect(config.serverMetadata().client_id_metadata_document_supported).toBe(true);
    const asked = await begin();
    const answer = answerOf(await logInAt(visitor, await openPage(visitor, asked.url), instance));
    expect(answer.href).toContain(site.redirectURI);
    const tokens = await openid.authorizationCodeGrant(config, answer, asked.checks);
    expect(tokens.claims()).toMatchObject({ aud: site.clientId, nickname: 'alice' });
    const info = await openid.fetchUserInfo(config, tokens.access_token, tokens.claims()?.sub ?? '');
    expect(info.nickname).toBe('alice');
    expect(site.requests).toEqual(['/client.json']);
  });

  it('authenticates with its own key, if its document has one', async () => {
    const { site, stage, instance, visitor } = await aStage();
    const { metadata, auth } = await aKeyPair();
    site.metadata = metadata;
    const config = await discoverAs(stage, site.clientId, auth);
    const asked = await ask(config, { redirect_uri: site.redirectURI });
    const answer = answerOf(await logInAt(visitor, await openPage(visitor, asked.url), instance));
    const tokens = await openid.authorizationCodeGrant(config, answer, asked.checks);
    expect(tokens.claims()?.aud).toBe(site.clientId);
  });

  it('is shown by the host of its document; the name that it claims is shown as a claim', async () => {
    const { site, begin, visitor } = await aStage();
    site.metadata = { client_name: 'Your <b>Bank</b>' };
    const page = await openPage(visitor, (await begin()).url);
    const { host } = new URL(site.clientId);
    expect(page.text).toContain(`<h1>Log in to ${host}</h1>`);
    expect(page.text).toContain(
      `<strong><bdi>${host}</bdi></strong>, which calls itself “<bdi>Your &#60;b&#62;Bank&#60;/b&#62;</bdi>”,`,
    );
    expect(formsOf(page).at(-1)?.text).toContain(`go back to <bdi>${host}</bdi>`);
  });

  it('is shown like this before the login on a device, too', async () => {
    const { site, stage, config, visitor, instance } = await aStage();
    site.metadata = { grant_types: ['urn:ietf:params:oauth:grant-type:device_code'], response_types: [] };
    const device = await openid.initiateDeviceAuthorization(config, { scope: 'openid' });
    const typed = await openPage(visitor, device.verification_uri_complete ?? '');
    const compared = await press(visitor, typed);
    const { host } = new URL(site.clientId);
    const name = `<strong><bdi>${host}</bdi></strong>, which calls itself “<bdi>An Unknown App</bdi>”`;
    expect(compared.text).toContain(`to ${name}, less than a minute ago`);
    const done = await logInAt(visitor, await visitor.follow(await press(visitor, compared)), instance);
    expect(done.text).toContain(`logged in to ${name}.`);
    expect(done.url.startsWith(stage.issuerURL)).toBe(true);
    const tokens = await openid.pollDeviceAuthorizationGrant(config, { ...device, interval: 0.01 });
    expect(tokens.claims()?.nickname).toBe('alice');
  });

  it('of a program on the visitor’s device redirects there, and the page says so', async () => {
    const { site, stage, config, visitor } = await aStage();
    const uris = ['http://127.0.0.1/callback', 'com.example.app:/callback'];
    site.metadata = { application_type: 'native', redirect_uris: uris };
    const shown = async (redirect_uri: string) =>
      openPage(visitor, (await ask(config, { redirect_uri })).url);
    const loopback = await shown('http://127.0.0.1:4321/callback');
    expect(loopback.text).toContain('a program on this device (127.0.0.1:4321)');
    const scheme = await shown('com.example.app:/callback');
    expect(scheme.text).toContain('an app on this device (com.example.app:)');
    const cancelled = await press(visitor, scheme, { action: 'cancel' }, 'cancel');
    const answer = answerOf(await visitor.follow(cancelled));
    expect(answer.protocol).toBe('com.example.app:');
    expect(answer.searchParams.get('iss')).toBe(stage.issuerURL);
  });

  it('is looked up by each of its URLs, also when its document is cached', async () => {
    const seen: string[] = [];
    let isAllowed = true;
    const { site, begin, visitor } = await aStage({
      clientDocuments: async (clientId) => {
        seen.push(clientId);
        return isAllowed;
      },
    });
    expect((await openPage(visitor, (await begin()).url)).status).toBe(200);
    expect(new Set(seen)).toEqual(new Set([site.clientId]));
    isAllowed = false;
    expect((await openPage(visitor, (await begin()).url)).status).toBe(400);
  });

  it('whose document cannot be fetched gets an error page, which is not logged as a fault of the issuer', async () => {
    const { site, begin, visitor, stage } = await aStage();
    site.answer = (_req, res) => void res.writeHead(404).end();
    const page = await openPage(visitor, (await begin()).url);
    expect(page.status).toBe(400);
    expect(page.text).toContain('client_id metadata document fetch failed');
    expect(stage.events.filter(([event]) => event === 'failed')).toEqual([]);
  });
});

it('without the option, a URL is no client', async () => {
  const { site, config, begin, visitor } = await aStage({ clientDocuments: false });
  expect(config.serverMetadata().client_id_metadata_document_supported).toBeUndefined();
  const page = await openPage(visitor, (await begin()).url);
  expect(page).toMatchObject({ status: 400, location: undefined });
  expect(site.requests).toEqual([]);
});
