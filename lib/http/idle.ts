/** Connections that are kept for the next request: how many, and how long. */

import type { Connection } from './connection.js';

/** Over all instances. */
const maxIdle = 128;

/**
 * Of one instance. Twice as many as there are logins under way at it: the next request of a login is sent before the last
 * one's connection is free again.
 */
const maxIdlePerOrigin = 32;

export class IdleConnections {
  /** In the order in which they became idle. */
  private readonly idle = new Set<Connection>();
  private readonly byOrigin = new Map<string, Connection[]>();
  private readonly keptSince = new WeakMap<Connection, number>();

  /** @param lifetimeMs from when a connection was first kept; a busy one is made anew now and then */
  constructor(private readonly lifetimeMs = 60_000) {}

  /** The one that was used last, so that those that are too many are left to end. */
  take(origin: string): Connection | undefined {
    for (;;) {
      const last = this.byOrigin.get(origin)?.at(-1);
      if (!last) return undefined;
      this.forget(last);
      if (!last.isOver) return last;
    }
  }

  keep(connection: Connection): void {
    if (connection.isOver) return;
    const now = performance.now();
    const since = this.keptSince.get(connection);
    const others = this.byOrigin.get(connection.origin) ?? [];
    if (others.length >= maxIdlePerOrigin || now - (since ?? now) > this.lifetimeMs) return close(connection);
    if (since === undefined) {
      this.keptSince.set(connection, now);
      connection.onceClosed(() => this.forget(connection));
    }
    this.makeRoom();
    this.idle.add(connection);
    this.byOrigin.set(connection.origin, [...others, connection]);
  }

  closeAll(origin: string): void {
    for (const connection of this.byOrigin.get(origin) ?? []) close(connection);
  }

  private makeRoom(): void {
    if (this.idle.size < maxIdle) return;
    for (const longestIdle of this.idle) {
      this.forget(longestIdle);
      return close(longestIdle);
    }
  }

  private forget(connection: Connection): void {
    if (!this.idle.delete(connection)) return;
    const { origin } = connection;
    const others = (this.byOrigin.get(origin) ?? []).filter((one) => one !== connection);
    if (others.length === 0) this.byOrigin.delete(origin);
    else this.byOrigin.set(origin, others);
  }
}

function close(connection: Connection): void {
  connection.destroy(new Error('not kept any longer'));
}
