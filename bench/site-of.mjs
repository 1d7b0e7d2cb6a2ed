/** Starts instances, sites of both kinds, and the load. */

import { selfSigned } from './certificate.mjs';
import { start } from './processes.mjs';

/** @returns the objects that the parts need, and `close()`, which ends every process */
export async function aStage() {
  const certificate = selfSigned(['localhost']);
  const { key, cert, certFile } = certificate;
  const running = [];
  const begin = async (...args) => {
    const one = await start(...args);
    running.push(one);
    return one;
  };
  const instance = await begin('./instance.mjs', { key, cert });
  const ports = await instance.ask('ports');
  const load = await begin('./load.mjs');
  const originBy = (scheme) => `${scheme}://localhost:${ports[scheme]}`;
  return {
    instance,
    load,
    httpPort: ports.http,
    /** With https, as in production, unless the part sets otherwise. */
    async site(contender, { scheme = 'https', ...more } = {}) {
      const origin = originBy(scheme);
      const settings = { contender, origin, ca: cert, ...more };
      const site = await begin('./site.mjs', settings, { env: { NODE_EXTRA_CA_CERTS: certFile } });
      const paths = contender === 'plain' ? ['/auth'] : [`/auth?instance=${new URL(origin).host}`];
      return { ...site, paths, port: await site.ask('port') };
    },
    begin,
    async close() {
      await Promise.all(running.map((one) => one.stop()));
      certificate.remove();
    },
  };
}

/**
 * Hosts of many instances, each with its own registrable domain, because requests to one domain are limited. The
 * sites resolve every name to this machine.
 */
export function manyHosts(count, port) {
  return Array.from({ length: count }, (_, n) => `instance${n}.test:${port}`);
}

export function startsAt(hosts) {
  return hosts.map((host) => `/auth?instance=${encodeURIComponent(host)}`);
}
