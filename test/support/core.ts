/** Logins through the core, which a test begins and finishes itself, each in a browser of its own. */

import { randomToken } from '../../lib/login/browser.js';
import type { MastodonLogin } from '../../lib/login/login.js';
import type { BeginOptions } from '../../lib/options.js';
import { Visitor } from './visitor.js';

/** A login that began: the key of its browser, and the URL to which the visitor is redirected. */
export interface Begun {
  readonly key: string;
  readonly redirect: string;
}

export async function begin(login: MastodonLogin, typed: string, options?: BeginOptions): Promise<Begun> {
  const key = randomToken();
  const { redirect } = await login.begin(typed, key, options);
  return { key, redirect };
}

/** Consents at the instance. @returns opens the callback URL, each time that it is called */
export async function consent(login: MastodonLogin, { key, redirect }: Begun) {
  const callback = await new Visitor().approve(redirect);
  return () => login.finish(callback, key);
}

export async function logIn(login: MastodonLogin, typed: string, options?: BeginOptions) {
  const finish = await consent(login, await begin(login, typed, options));
  return finish();
}

/** Opens the callback URL with a code that no instance issued, whatever comes of it. */
export async function returnWithInvalidCode(login: MastodonLogin, { key, redirect }: Begun): Promise<void> {
  const { searchParams } = new URL(redirect);
  const callback = new URL(searchParams.get('redirect_uri') ?? '');
  callback.search = new URLSearchParams({
    code: 'made-up',
    state: searchParams.get('state') ?? '',
  }).toString();
  await login.finish(callback, key).catch(() => undefined);
}
