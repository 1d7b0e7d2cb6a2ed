/** The attacker tries to be the last user who signed in at a server that checks no codes: a real one, from Debian. */

import { startSite, type Site } from '../support/site.js';
import { snacAvailable, startSnac, type Snac } from '../support/snac.js';
import { Visitor } from '../support/visitor.js';

const missing = snacAvailable();
const withSnac = missing === undefined ? describe : describe.skip;

withSnac(`a real snac${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let snac: Snac;
  let site: Site;
  beforeAll(async () => {
    snac = await startSnac();
    site = await startSite({ instances: [snac] });
  });
  afterAll(async () => {
    await site.close();
    await snac.close();
  });

  it('gives a token for any code, so the attack would work', async () => {
    const form = { client_name: 'x', redirect_uris: 'https://example.com/cb', scopes: 'read' };
    const post = (path: string, fields: Record<string, string>) =>
      new Visitor().post(snac.origin + path, fields);
    const { client_id, client_secret } = (await post('/api/v1/apps', form)).json();
    const answer = await post('/oauth/token', {
      grant_type: 'authorization_code',
      code: 'x',
      client_id,
      client_secret,
      redirect_uri: 'https://example.com/cb',
    });
    expect(answer.status).toBe(200);
    expect(answer.json()).toHaveProperty('access_token');
  });

  it('is refused before any visitor is redirected there, and the message says why', async () => {
    const page = await new Visitor().post(`${site.origin}/auth/mastodon`, { instance: snac.host });
    expect(page.status).toBe(403);
    expect(page.json()).toMatchObject({ code: 'instance_insecure', instance: snac.host });
  });
});
