/** Turns a code into tokens with the client it was issued to, and finds out when that client is dead. */

import { MastodonError } from '../errors.js';
import type { Client } from '../client/client.js';
import type { Credentials } from '../client/credentials.js';
import type { Network } from '../http/network.js';
import type { LoginTransaction, PinnedInstance } from '../options.js';
import { DoubtfulRefusal, exchangeCode, type Tokens } from './token.js';

export interface Exchanged {
  readonly tokens: Tokens;
  readonly client: Client;
}

/**
 * With the very client that the login was begun with, even if another one is current by now: a code belongs to
 * the client that asked for it.
 * @throws MastodonError `login_restart` when the client is gone; `instance_insecure` where codes are not checked; else as
 *   `exchangeCode`
 */
export async function exchange(
  network: Network,
  credentials: Credentials,
  login: LoginTransaction,
  code: string,
  extra: Readonly<Record<string, string>>,
): Promise<Exchanged> {
  const { instance } = login;
  const client = await credentials.ofLogin(login);
  if (!client) throw new MastodonError('login_restart', { instance: instance.host });
  await credentials.codes.before(instance, client);
  try {
    const tokens = await exchangeCode(network, login, client, code, extra);
    await credentials.confirm(instance, client);
    return { tokens, client };
  } catch (error) {
    throw await afterRefusal(error, credentials, instance, client);
  }
}

/** A dead client is replaced, so that the next try registers anew. */
async function afterRefusal(
  error: unknown,
  credentials: Credentials,
  instance: PinnedInstance,
  client: Client,
): Promise<unknown> {
  if (!(error instanceof MastodonError)) return error;
  const { host } = instance;
  if (error.code === 'login_restart' && !(await credentials.giveUp(client))) {
    return new MastodonError('login_restart', {
      instance: host,
      cause: error.cause,
      reason: 'secrets_forgotten',
    });
  }
  if (error.cause instanceof DoubtfulRefusal && !(await credentials.prove(instance, client))) {
    return new MastodonError('login_restart', { instance: host, cause: error.cause });
  }
  return error;
}
