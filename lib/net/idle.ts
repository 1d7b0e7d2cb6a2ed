/** Connections that are kept for the next request: how many, how long, and in silence. */

import type http from 'node:http';
import type { Duplex } from 'node:stream';

/** Over all instances. */
const maxIdle = 128;

export class IdleConnections {
  /** In the order in which they became idle, each with what takes it out of the watch. */
  private readonly idle = new Map<Duplex, () => void>();
  private readonly keptSince = new WeakMap<Duplex, number>();

  /** @param lifetimeMs from when a connection was first kept; a busy one is made anew now and then */
  constructor(private readonly lifetimeMs = 60_000) {}

  /** Puts an agent's idle connections under these rules, together with those of other agents. */
  watch<A extends http.Agent>(agent: A): A {
    const keep = agent.keepSocketAlive.bind(agent) as (socket: Duplex) => unknown;
    const reuse = agent.reuseSocket.bind(agent);
    // The agent asks for a boolean here (Node's documentation); only its types know nothing of that.
    agent.keepSocketAlive = (socket) => keep(socket) === true && this.keep(socket);
    agent.reuseSocket = (socket, request) => {
      this.idle.get(socket)?.();
      reuse(socket, request);
    };
    return agent;
  }

  private keep(socket: Duplex): boolean {
    const since = this.keptSince.get(socket) ?? performance.now();
    if (performance.now() - since > this.lifetimeMs) return false;
    this.keptSince.set(socket, since);
    this.makeRoom();
    // Nobody was asked anything: what comes now is meant to keep the connection open, or to answer the next request.
    const end = () => void socket.destroy();
    const forget = () => {
      this.idle.delete(socket);
      socket.off('data', end).off('close', forget);
    };
    socket.on('data', end).on('close', forget);
    this.idle.set(socket, forget);
    return true;
  }

  private makeRoom(): void {
    if (this.idle.size < maxIdle) return;
    for (const [longestIdle, forget] of this.idle) {
      forget();
      longestIdle.destroy();
      return;
    }
  }
}
