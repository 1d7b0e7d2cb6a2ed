/** oidc-provider's store adapter for sessions. Slow and parallel requests do not undo the end or the changes of a session. */

import { isDeepStrictEqual } from 'node:util';
import { routes, type Adapter, type AdapterPayload, type KoaContextWithOIDC } from './oidc-provider.js';
import { generationIn, type Shared } from './shared.js';
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
  readonly payload: AdapterPayload;
  isReplaced?: boolean;
}

/**
 * A session is stored by its `uid`, which stays the same when its ID changes. It is valid until its `uid` is ended, and is found
 * while a record `SessionAlive` exists for its ID. One operation of the store takes that record, and nothing deletes the end
 * of a `uid`, so a late write has no effect. The session of a visitor who is not logged in is in a cookie.
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
    // Without its `uid`: a copy of the cookie in another browser must not lead to the session of this browser's login.
    if (visitor) return { ...visitor, uid: undefined };
    const alive = await store.get<{ uid: string }>(['SessionAlive', id]);
    const found = alive && (await this.findByUid(alive.uid));
    // Another request may be replacing the ID.
    const payload = found && { ...found, jti: id };
    // oidc-provider changes what it gets.
    if (ctx && payload && !this.reads.has(ctx)) this.reads.set(ctx, { id, payload: asStored(payload) });
    return payload;
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    const { store } = this.shared;
    const [stored, hasEnded] = await Promise.all([
      store.get<StoredSession>(['Session', uid]),
      store.has(['SessionEnded', uid]),
    ]);
    if (!stored || hasEnded) return undefined;
    const { generation, ...payload } = stored;
    const current = await generationIn(this.shared, ['PersonEnded', payload.accountId ?? '']);
    return isCurrent(generation, current) ? payload : undefined;
  }

  async upsert(id: string, written: AdapterPayload, expiresIn: number): Promise<void> {
    const { store } = this.shared;
    const { ctx } = this.shared.oidc.Provider;
    const payload = bounded(asStored(written));
    const { accountId, uid = '' } = payload;
    if (accountId === undefined) return this.keepInBrowser(ctx, payload);
    // oidc-provider writes again after it has answered with the error.
    if (ctx && this.refused.has(ctx)) return;
    const ttlMs = expiresIn * 1000;
    const read = ctx && this.reads.get(ctx);
    if (read?.payload.uid === uid) {
      await this.change(read, payload, ttlMs);
    } else {
      const generation = await generationIn(this.shared, ['PersonEnded', accountId]);
      await store.set(['Session', uid], { ...payload, generation }, ttlMs);
    }
    if (read?.id !== id) await store.set(['SessionAlive', id], { uid }, ttlMs);
  }

  async destroy(id: string): Promise<void> {
    const { store } = this.shared;
    const { ctx } = this.shared.oidc.Provider;
    const read = ctx && this.reads.get(ctx);
    if (ctx && read?.id === id && ctx.oidc.session !== undefined && ctx.oidc.session.jti !== id) {
      return this.refused.has(ctx) ? undefined : this.replace(read);
    }
    const alive = await store.get<{ uid: string }>(['SessionAlive', id]);
    const uid = read?.id === id ? read.payload.uid : alive?.uid;
    if (uid === undefined) return;
    await store.end(['SessionEnded', uid]);
    await Promise.all([store.delete(['SessionAlive', id]), store.delete(['Session', uid])]);
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

  /** Writes the changes of this request, if there are any. */
  private async change(read: ReadSession, payload: AdapterPayload, ttlMs: number): Promise<void> {
    // `exp` follows from the time of the login.
    if (isDeepStrictEqual({ ...read.payload, exp: 0 }, { ...payload, exp: 0 })) return;
    const written = await this.shared.store.update<StoredSession>(
      ['Session', String(payload.uid)],
      ttlMs,
      (current) => current && merged(read.payload, payload, current),
    );
    if (!written) this.refuse();
  }

  /** Of several requests that replace the ID of one session, the first succeeds and the others are refused. */
  private async replace(read: ReadSession): Promise<void> {
    if (read.isReplaced) return;
    if (!(await this.shared.store.take(['SessionAlive', read.id]))) this.refuse();
    read.isReplaced = true;
  }

  // oidc-provider calls these for other models only.
  async findByUserCode(): Promise<undefined> {}
  async consume(): Promise<void> {}
  async revokeByGrantId(): Promise<void> {}
}

type SessionFields = Readonly<Record<string, unknown>>;

/** A copy without the fields that are undefined. */
function asStored(payload: AdapterPayload): AdapterPayload {
  return JSON.parse(JSON.stringify(payload)) as AdapterPayload;
}

/** oidc-provider also adds clients that were refused, and any page can make a browser send such requests. */
function bounded(payload: AdapterPayload): AdapterPayload {
  const agreed = Object.entries(payload.authorizations ?? {}).filter(([, { grantId }]) => grantId);
  return { ...payload, authorizations: Object.fromEntries(agreed.slice(-maxClients)) };
}

/** The current session with the changes of this request. The part about clients is merged client by client. */
function merged(before: AdapterPayload, mine: AdapterPayload, current: StoredSession): StoredSession {
  const clients = changed(before.authorizations, mine.authorizations, current.authorizations);
  return { ...changed(before, mine, current), authorizations: clients } as StoredSession;
}

function changed(
  before: SessionFields = {},
  mine: SessionFields = {},
  current: SessionFields = {},
): SessionFields {
  const names = Object.keys({ ...before, ...mine });
  const changes = names.filter((name) => !isDeepStrictEqual(before[name], mine[name]));
  return { ...current, ...Object.fromEntries(changes.map((name) => [name, mine[name]])) };
}
