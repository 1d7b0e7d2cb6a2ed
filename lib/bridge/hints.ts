/** Mistakes of who builds a bridge into a server. */

import type { IncomingMessage } from 'node:http';
import { Advice, inTheFile } from '../login/advice.js';

export class BridgeHints {
  private readonly advice = new Advice('createBridge');
  private requests = 0;
  private wasVisited = false;

  constructor(private readonly publicURL: string) {}

  /** The router was asked for something. Node gives it an upgrade only where nobody listens for those. */
  routed({ headers }: IncomingMessage): void {
    if (headers.upgrade?.toLowerCase() !== 'websocket') return;
    this.advice.tell(
      'MASTODON_NOT_ATTACHED',
      'a WebSocket came to the router, which takes none: call attach(server) with the server that listens (in Express it ' +
        'is what app.listen() gives)',
    );
  }

  /** Somebody's browser has come. */
  visited(): void {
    this.wasVisited = true;
  }

  /** A client was told that what it named cannot be used. */
  refused(error: unknown): void {
    this.advice.refused(error, inTheFile);
  }

  /** A client was told which page its user is to open. */
  requested(): void {
    this.requests += 1;
    if (this.wasVisited || this.requests < 2) return;
    this.advice.tell(
      'MASTODON_NO_VISIT',
      `a second login was asked for, and nobody has opened the page of the first, ${this.publicURL}/auth/<its ID>: is the ` +
        'router of this bridge at that address?',
    );
  }
}
