/** Finds the route of a request, wherever the router is mounted. */

import type { IncomingMessage } from 'node:http';

/** The endpoints of oidc-provider. It answers 404 at endpoints of features that are off. */
export const routes = {
  authorization: '/authorize',
  token: '/token',
  userinfo: '/userinfo',
  jwks: '/jwks',
  revocation: '/revoke',
  introspection: '/introspect',
  end_session: '/logout',
  device_authorization: '/device/code',
  code_verification: '/device',
} as const;

const wellKnown = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];

const openid = new Set<string>([
  ...Object.values(routes),
  ...wellKnown,
  `${routes.end_session}/confirm`,
  `${routes.end_session}/success`,
]);

export type Route =
  /** The login page of an authorization request. */
  | { readonly name: 'login'; readonly uid: string }
  /** The callback of an instance: path and query. */
  | { readonly name: 'callback'; readonly response: string }
  /** The client metadata that servers without registration ask for. */
  | { readonly name: 'client'; readonly path: string }
  /** The script of the login page. */
  | { readonly name: 'button'; readonly file: string }
  /** An endpoint of oidc-provider. `uid`: the end of an authorization request. */
  | { readonly name: 'openid'; readonly url: string; readonly uid?: string };

type MountedRequest = IncomingMessage & { readonly originalUrl?: string };

/**
 * Matches below the issuer's path. If a framework has mounted the router, or the router is alone, also matches the rest of the
 * URL: a proxy may have removed the issuer's path.
 * @param basePath the issuer's path, without a slash at its end
 * @param isAlone whether there is no application whose URLs the router must leave
 */
export function routeOf(req: MountedRequest, basePath: string, isAlone: boolean): Route | undefined {
  const { url = '/', originalUrl = url } = req;
  const below = originalUrl.startsWith(`${basePath}/`)
    ? matched(originalUrl.slice(basePath.length))
    : undefined;
  const isMounted = originalUrl !== url;
  return below ?? inserted(originalUrl, basePath) ?? (isAlone || isMounted ? matched(url) : undefined);
}

/** RFC 8414, section 3.1: the well-known part comes before the issuer's path. */
function inserted(url: string, basePath: string): Route | undefined {
  const [path = ''] = url.split('?', 1);
  const document = wellKnown.find((known) => basePath !== '' && path === known + basePath);
  return document === undefined ? undefined : { name: 'openid', url: document };
}

function matched(url: string): Route | undefined {
  const [, path = '', query = ''] = /^(\/[^?#]*)(\?[^#]*)?/.exec(url) ?? [];
  if (openid.has(path)) return { name: 'openid', url: path + query };
  if (/^\/callback\/[^/]+\/done$/.test(path)) return { name: 'callback', response: path + query };
  if (/^\/client\/[^/]+\/metadata$/.test(path)) return { name: 'client', path };
  const [, name, segment = ''] = /^\/([a-z]+)\/([^/]+)$/.exec(path) ?? [];
  if (name === 'button') return { name, file: segment };
  if (!/^[\w-]{1,64}$/.test(segment)) return undefined;
  if (name === 'login') return { name, uid: segment };
  const isResumed = name === 'authorize' || name === 'device';
  return isResumed ? { name: 'openid', url: path + query, uid: segment } : undefined;
}
