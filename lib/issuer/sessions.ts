/** oidc-provider's store adapter for sessions. Slow and parallel requests do not undo the end or the changes of a session. */

import { isDeepStrictEqual } from 'node:util';
import { routes, type Adapter, type AdapterPayload, type KoaContextWithOIDC } from './oidc-provider.js';
import type { Shared } from './shared.js';
import { isCurrent } from './store.js';

/** Clients that a session remembers. A user of more clients has to agree again to the first ones. */
const maxClients = 32;

/** A session as it is stored. */
type StoredSession = AdapterPayload & {
  /** The generation of the user's logins at the start of the session. */
  readonly generation?: string;
};

/** The session that a request has read. */
interface ReadSession {
  readonly id: string;
  /** As it was read, without `generation`. */
  readonly payload: AdapterPayload;
  /** As it was stored when the request replaced its ID. */
  replaced?: StoredSession;
}

/**
 * A session is valid while a record `SessionAlive` exists for its ID and its `uid` was not ended. The `uid` stays the same
 * when the ID changes. One operation of the store takes the first record, and nothing deletes the second, so a late write of
 * the session has no effect. The session of a visitor who is not logged in is in a cookie.
 */
export class Sessions implements Adapter {
  private readonly reads = new WeakMap<KoaContextWithOIDC, ReadSession>();
  private readonly unsaved = new WeakSet<KoaContextWithOIDC>();
  private readonly refused = new WeakSet<KoaContextWithOIDC>();

  constructor(private readonly shared: Shared) {}

  async find(id: string): Promise<AdapterPayload | undefined> {
    const { store, cookies } = this.shared;
    const { ctx } = this.shared.oidc.Provider;
    const visitor = ctx && cookies.visitorSession(ctx.req, id);
    if (visitor) return visitor;
    const [stored, isAlive] = await Promise.all([
      store.get<StoredSession>(['Session', id]),
      store.has(['SessionAlive', id]),
    ]);
    const payload = isAlive ? await this.valid(stored) : undefined;
    if (!payload) return undefined;
    // oidc-provider changes what it gets.
    if (ctx && !this.reads.has(ctx)) this.reads.set(ctx, { id, payload: structuredClone(payload) });
    return payload;
  }

  /** Also while its ID is being replaced. */
  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const { store } = this.shared;
    const found = await store.get<{ id: string }>(['SessionUid', uid]);
    return found && this.valid(await store.get<StoredSession>(['Session', found.id]));
  }

  async upsert(id: string, written: AdapterPayload, expiresIn: number): Promise<void> {
    const { ctx } = this.shared.oidc.Provider;
    // Without the fields that are undefined, as it is stored.
    const payload = bounded(JSON.parse(JSON.stringify(written)) as AdapterPayload);
    if (payload.accountId === undefined) return this.keepInBrowser(ctx, payload);
    // oidc-provider writes again after it has answered with the error.
    if (ctx && this.refused.has(ctx)) return;
    const read = ctx && this.reads.get(ctx);
    if (read?.id === id) return this.change(read, payload, expiresIn * 1000);
    const before = read?.replaced;
    const generation =
      before?.generation ?? (await this.shared.store.generationOf(['PersonEnded', payload.accountId]));
    const session = before ? merged(read.payload, payload, before) : payload;
    await this.create(id, { ...session, generation }, expiresIn * 1000);
    if (before) await this.shared.store.delete(['Session', read.id]);
  }

  async destroy(id: string): Promise<void> {
    const { store } = this.shared;
    const { ctx } = this.shared.oidc.Provider;
    const read = ctx && this.reads.get(ctx);
    if (ctx && read?.id === id && ctx.oidc.session !== undefined && ctx.oidc.session.jti !== id) {
      return this.refused.has(ctx) ? undefined : this.replace(read);
    }
    const payload = read?.id === id ? read.payload : await store.get<AdapterPayload>(['Session', id]);
    if (payload?.uid === undefined) return;
    await store.end(['SessionEnded', payload.uid]);
    await Promise.all([
      store.delete(['SessionAlive', id]),
      store.delete(['Session', id]),
      store.delete(['SessionUid', payload.uid]),
    ]);
  }

  /** Whether the session of a request was not stored. In that case the response must not set its cookie. */
  isUnsaved(ctx: KoaContextWithOIDC): boolean {
    return this.unsaved.has(ctx) || this.refused.has(ctx);
  }

  private refuse(): never {
    const { oidc } = this.shared;
    const { ctx } = oidc.Provider;
    if (ctx) this.refused.add(ctx);
    throw new oidc.errors.LoginRequired('the session has ended');
  }

  private keepInBrowser(ctx: KoaContextWithOIDC | undefined, payload: AdapterPayload): void {
    if (!ctx) return;
    // At the end-session endpoint, a visitor who is not logged in sees no form.
    const isEnd = ctx.path === routes.end_session;
    const isKept = !isEnd && this.shared.cookies.keepVisitorSession(ctx.req, ctx.res, payload);
    if (isKept) this.unsaved.delete(ctx);
    else this.unsaved.add(ctx);
  }

  private async create(id: string, payload: StoredSession, ttlMs: number): Promise<void> {
    const { store } = this.shared;
    await store.set(['SessionAlive', id], {}, ttlMs);
    await store.set(['Session', id], payload, ttlMs);
    await store.set(['SessionUid', String(payload.uid)], { id }, ttlMs);
  }

  /** Writes the changes of this request, if there are any. */
  private async change(read: ReadSession, payload: AdapterPayload, ttlMs: number): Promise<void> {
    const { store } = this.shared;
    if (isSame(read.payload, payload)) return;
    if (!(await store.has(['SessionAlive', read.id])) || (await this.hasEnded(payload))) this.refuse();
    const written = await store.update<StoredSession>(
      ['Session', read.id],
      ttlMs,
      (current) => current && merged(read.payload, payload, current),
    );
    if (!written) this.refuse();
  }

  /** Of several requests that replace the ID of one session, the first succeeds and the others are refused. */
  private async replace(read: ReadSession): Promise<void> {
    if (read.replaced) return;
    const { store } = this.shared;
    const isFirst = (await store.take(['SessionAlive', read.id])) !== undefined;
    if (!isFirst || (await this.hasEnded(read.payload))) this.refuse();
    read.replaced = (await store.get<StoredSession>(['Session', read.id])) ?? read.payload;
  }

  private async valid(stored: StoredSession | undefined): Promise<AdapterPayload | undefined> {
    if (!stored || (await this.hasEnded(stored))) return undefined;
    const { generation, ...payload } = stored;
    const current = await this.shared.store.generationOf(['PersonEnded', payload.accountId ?? '']);
    return isCurrent(generation, current) ? payload : undefined;
  }

  private async hasEnded({ uid }: AdapterPayload): Promise<boolean> {
    return (await this.shared.store.generationOf(['SessionEnded', String(uid)])) !== '';
  }

  // oidc-provider calls these for other models only.
  async findByUserCode(): Promise<undefined> {}
  async consume(): Promise<void> {}
  async revokeByGrantId(): Promise<void> {}
}

type SessionFields = Readonly<Record<string, unknown>>;

/** oidc-provider also adds clients that were refused, and any page can make a browser send such requests. */
function bounded(payload: AdapterPayload): AdapterPayload {
  const agreed = Object.entries(payload.authorizations ?? {}).filter(([, { grantId }]) => grantId);
  return { ...payload, authorizations: Object.fromEntries(agreed.slice(-maxClients)) };
}

/** `exp` follows from the time of the login. */
function isSame(before: AdapterPayload, after: AdapterPayload): boolean {
  return isDeepStrictEqual({ ...before, exp: 0 }, { ...after, exp: 0 });
}

/** The current session with the changes of this request. The part about clients is merged client by client. */
function merged(before: AdapterPayload, mine: AdapterPayload, current: StoredSession): StoredSession {
  const authorizations = [before, mine, current].map((one) => (one.authorizations ?? {}) as SessionFields);
  const clients = mergedFields(...(authorizations as [SessionFields, SessionFields, SessionFields]));
  return { ...mergedFields(before, mine, current), authorizations: clients } as StoredSession;
}

function mergedFields(before: SessionFields, mine: SessionFields, current: SessionFields): SessionFields {
  const result: Record<string, unknown> = { ...current };
  for (const name of new Set([...Object.keys(before), ...Object.keys(mine)])) {
    if (isDeepStrictEqual(before[name], mine[name])) continue;
    if (mine[name] === undefined) delete result[name];
    else result[name] = mine[name];
  }
  return result;
}
