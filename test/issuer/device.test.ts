/** Logins on a device without a browser: the device grant (RFC 8628), from its start to the token. */

import * as openid from 'openid-client';
import type { StandIn } from '../support/instance';
import { anInstance } from '../support/stage';
import { Visitor, type Page } from '../support/visitor';
import { anIssuer, discover, formsOf, logInAt, openPage, press, television, type IssuerStage } from './stage';

async function begun(options: Parameters<typeof anIssuer>[1] = {}) {
  const instance = await anInstance();
  const stage = await anIssuer([instance], options);
  const config = await discover(stage, television);
  const device = await openid.initiateDeviceAuthorization(config, { scope: 'openid profile' });
  return { instance, stage, config, device, visitor: new Visitor() };
}

type Begun = Awaited<ReturnType<typeof begun>>;

/** One token request of the device, without its polling interval. */
async function poll({ stage }: { stage: IssuerStage }, deviceCode: string) {
  const response = await fetch(`${stage.issuerURL}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: 'television',
      device_code: deviceCode,
    }),
  });
  return (await response.json()) as Record<string, string>;
}

/** Opens the address that the device shows, and continues to the page that compares the codes. */
async function compare({ visitor, device }: Begun): Promise<Page> {
  const typed = await openPage(visitor, device.verification_uri_complete ?? '');
  expect(typed.text).toContain(device.user_code);
  return press(visitor, typed);
}

async function approve(all: Begun, instance: StandIn = all.instance): Promise<Page> {
  const { visitor } = all;
  const confirmed = await press(visitor, await compare(all));
  return logInAt(visitor, await visitor.follow(confirmed), instance);
}

describe('a device', () => {
  it('gets tokens once its user has compared the code and logged in', async () => {
    const all = await begun();
    const { config, device, instance } = all;
    expect(await poll(all, device.device_code)).toMatchObject({ error: 'authorization_pending' });
    const done = await approve(all);
    expect(done.status).toBe(200);
    expect(done.text).toContain('You may close this window');
    const tokens = await openid.pollDeviceAuthorizationGrant(config, { ...device, interval: 0.01 });
    expect(tokens.claims()).toMatchObject({ nickname: 'alice', mastodon_instance: instance.origin });
    const info = await openid.fetchUserInfo(config, tokens.access_token, tokens.claims()?.sub ?? '');
    expect(info.nickname).toBe('alice');
  });

  it('of a user who is logged in gets tokens only after a page that names the account', async () => {
    const all = await begun();
    await approve(all);
    const second = await openid.initiateDeviceAuthorization(all.config, { scope: 'openid' });
    const confirmed = await press(all.visitor, await compare({ ...all, device: second }));
    const page = await all.visitor.follow(confirmed);
    expect((await poll(all, second.device_code)).error).toBe('authorization_pending');
    expect(page.text).toContain(`Continue as <bdi>@alice@${all.instance.host}`);
    await all.visitor.follow(
      await press(all.visitor, page, { action: 'continue', meant: 'yes' }, 'continue'),
    );
    expect(await poll(all, second.device_code)).toHaveProperty('access_token');
  });

  it('learns how often to ask, and to slow down when it asks more often', async () => {
    const all = await begun();
    expect(all.device.interval).toBe(5);
    expect((await poll(all, all.device.device_code)).error).toBe('authorization_pending');
    expect((await poll(all, all.device.device_code)).error).toBe('slow_down');
  });

  it('receives an error when its user says that the request is not theirs', async () => {
    const all = await begun();
    const stopped = await press(all.visitor, await compare(all), { abort: 'yes' });
    expect(stopped.text).toContain('not logged in');
    expect((await poll(all, all.device.device_code)).error).toBe('access_denied');
  });

  it('receives an error when its user cancels the login', async () => {
    const all = await begun();
    const page = await all.visitor.follow(await press(all.visitor, await compare(all)));
    await all.visitor.follow(await press(all.visitor, page, { action: 'cancel' }, 'cancel'));
    expect((await poll(all, all.device.device_code)).error).toBe('access_denied');
  });

  it('is found after a page of ours was opened in another tab: the code stays in the field', async () => {
    const all = await begun();
    const page = await openPage(all.visitor, all.device.verification_uri_complete ?? '');
    await openPage(all.visitor, `${all.stage.issuerURL}/device`);
    const again = await press(all.visitor, page);
    expect(again.text).toContain('Please press the button again');
    expect((await press(all.visitor, again)).text).toContain('The code is the same');
  });

  it('gets its tokens once', async () => {
    const all = await begun();
    await approve(all);
    expect(await poll(all, all.device.device_code)).toHaveProperty('access_token');
    expect((await poll(all, all.device.device_code)).error).toBe('invalid_grant');
  });

  it('is described to its user before anything happens', async () => {
    const all = await begun();
    const response = await fetch(`${all.stage.issuerURL}/device/code`, {
      method: 'POST',
      headers: { 'User-Agent': 'Living room <b>TV</b>' },
      body: new URLSearchParams({ client_id: 'television', scope: 'openid' }),
    });
    const device = (await response.json()) as typeof all.device;
    const page = await compare({ ...all, device });
    expect(page.text).toContain('A Television');
    expect(page.text).toContain('Living room &#60;b&#62;TV');
    expect(page.text).toContain('less than a minute ago');
  });

  it('accepts its code in any spelling; a wrong one is refused beside the field', async () => {
    const all = await begun();
    const { visitor, device } = all;
    const page = await openPage(visitor, device.verification_uri);
    const wrong = await press(visitor, page, { user_code: 'BBBB-BBBB' });
    expect(wrong.status).toBe(400);
    expect(wrong.text).toMatch(/id="refusal".*There is no such code/s);
    const right = await press(visitor, wrong, {
      user_code: ` ${device.user_code.toLowerCase().replace('-', ' ')} `,
    });
    expect(right.text).toContain('The code is the same');
  });

  it('is not found by one network that tries codes without limit', async () => {
    const all = await begun({ trustedProxies: 1 });
    const { visitor, stage, device } = all;
    const page = await openPage(visitor, device.verification_uri);
    const [form] = formsOf(page);
    const tryCode = (code: string, address: string) =>
      visitor.post(form?.action ?? '', { ...form?.fields, user_code: code }, { 'X-Forwarded-For': address });
    for (let i = 0; i < 30; i += 1) {
      const wrong = await tryCode('BBBB-BBBB', '203.0.113.7');
      expect(wrong.text).toContain('There is no such code');
      Object.assign(form?.fields ?? {}, formsOf(wrong)[0]?.fields);
    }
    const refused = await tryCode(device.user_code, '203.0.113.7');
    expect(refused.text).toMatch(/Too many wrong codes/);
    Object.assign(form?.fields ?? {}, formsOf(refused)[0]?.fields);
    expect((await tryCode(device.user_code, '198.51.100.1')).text).toContain('The code is the same');
    expect(stage.events.map(([event]) => event)).not.toContain('failed');
  });

  it.each(['user_code=BBBB-BBBB&user_code=', 'user_code=BBBB-BBBB'])(
    'gets no code submitted by a link with %s',
    async (query) => {
      const { visitor, stage } = await begun();
      const page = await visitor.get(`${stage.issuerURL}/device?${query}`);
      expect(page.text).toContain('value="BBBB-BBBB"');
      expect(page.text).not.toContain('submit()');
    },
  );

  it('is logged in at its own URL only, and not at that of a login in the browser', async () => {
    const all = await begun();
    const { visitor, instance, stage } = all;
    const page = await visitor.follow(await press(visitor, await compare(all)));
    const fields = { instance: instance.host, meant: 'yes' };
    const left = await press(visitor, page, fields, 'name="instance"');
    const back = await visitor.get(await visitor.approve(left.location ?? ''));
    const elsewhere = await visitor.get((back.location ?? '').replace('/device/', '/authorize/'));
    expect(elsewhere.status).toBe(403);
    expect(stage.events.map(([event]) => event)).not.toContain('failed');
    expect((await visitor.get(back.location ?? '')).text).toContain('Your device is now logged in');
  });

  it('finds no device endpoint if the device flow is off', async () => {
    const instance = await anInstance();
    const stage = await anIssuer([instance], { deviceFlow: false, clients: [] });
    const metadata = (await (
      await fetch(`${stage.issuerURL}/.well-known/openid-configuration`)
    ).json()) as Record<string, unknown>;
    expect(metadata).not.toHaveProperty('device_authorization_endpoint');
    expect((await fetch(`${stage.issuerURL}/device`)).status).toBe(404);
  });
});
