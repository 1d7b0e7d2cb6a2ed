/** Sessions of express-session in any store. */

import { Store as SessionStore, type SessionData } from 'express-session';
import type { KeyValueStore } from '../../lib/options.js';

type Done = (error?: unknown, session?: SessionData | null) => void;

/** So that any process can handle any request. */
export class StoredSessions extends SessionStore {
  constructor(private readonly store: KeyValueStore) {
    super();
  }

  override get(id: string, done: Done): void {
    const found = async () => (await this.store.get(key(id))) as SessionData | undefined;
    found().then((session) => done(undefined, session ?? null), done);
  }

  override set(id: string, session: SessionData, done: Done = () => undefined): void {
    // As JSON, because express-session continues to use the object that it passes here.
    const kept = JSON.parse(JSON.stringify(session)) as unknown;
    const written = async () => this.store.set(key(id), kept, 60 * 60 * 1000);
    written().then(() => done(), done);
  }

  override destroy(id: string, done: Done = () => undefined): void {
    const gone = async () => this.store.delete(key(id));
    gone().then(() => done(), done);
  }
}

function key(id: string): string {
  return `session:${id}`;
}
