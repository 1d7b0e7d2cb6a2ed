/** Mistakes of who mounts an issuer: clients refuse one that is found elsewhere than it says. */

import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from '../util/checks.js';
import { Advice, inTheFile, mountOf } from '../login/advice.js';

export class IssuerHints {
  private readonly advice = new Advice('createIssuer');
  private readonly url: URL;
  private readonly basePath: string;

  constructor(private readonly issuerURL: string) {
    this.url = new URL(issuerURL);
    this.basePath = this.url.pathname.replace(/\/$/, '');
  }

  routed(req: IncomingMessage): void {
    this.advice.try(() => {
      this.ofThePath(req);
      this.ofTheName(req.headers.host);
    });
  }

  /** A login did not begin. */
  refused(error: unknown): void {
    this.advice.refused(error, inTheFile);
  }

  /** A proxy may take a path away; a framework has it still. */
  private ofThePath(req: IncomingMessage): void {
    const mount = mountOf(req);
    if (mount === '' || mount === this.basePath) return;
    this.advice.tell(
      'MASTODON_OTHER_PATH',
      `the router is mounted at ${mount}, and issuerURL is ${this.issuerURL}: clients refuse an issuer that is found ` +
        `elsewhere than it says. Mount it at ${this.basePath || '/'}, or add the path to issuerURL`,
    );
  }

  /** Proxies may write another name; on one machine there is none. */
  private ofTheName(host = ''): void {
    if (host === this.url.host || !isLoopbackHost(host.replace(/:\d+$/, ''))) return;
    if (!isLoopbackHost(this.url.hostname)) return;
    this.advice.tell(
      'MASTODON_OTHER_NAME',
      `a request came to ${host}, and issuerURL is ${this.issuerURL}: the browser's cookies and what clients know belong ` +
        'to that name and port',
    );
  }
}
