/** What a site with several processes keeps in Redis: its store, and its sessions. */

import KeyvRedis from '@keyv/redis';
import { Store as SessionStore, type SessionData } from 'express-session';
import { Keyv } from 'keyv';

export interface RedisKeyv {
  readonly keyv: Keyv;
  close(): Promise<void>;
}

/** A Keyv on Redis, as the README has it; its errors are noted by whoever uses it. */
export function redisKeyv(url: string, namespace = 'site'): RedisKeyv {
  const adapter = new KeyvRedis(url);
  const keyv = new Keyv({ store: adapter, namespace, useKeyPrefix: false });
  // Without a listener a lost connection would end the process.
  keyv.on('error', () => undefined);
  return { keyv, close: () => adapter.disconnect(true) };
}

type Done = (error?: unknown, session?: SessionData | null) => void;

/** Sessions in a Keyv, so that any process can take any request. */
export class KeyvSessions extends SessionStore {
  constructor(private readonly keyv: Keyv) {
    super();
  }

  override get(id: string, done: Done): void {
    this.keyv.get<SessionData>(`session:${id}`).then((session) => done(undefined, session ?? null), done);
  }

  override set(id: string, session: SessionData, done: Done = () => undefined): void {
    this.keyv.set(`session:${id}`, session, 60 * 60 * 1000).then(() => done(), done);
  }

  override destroy(id: string, done: Done = () => undefined): void {
    this.keyv.delete(`session:${id}`).then(() => done(), done);
  }
}
