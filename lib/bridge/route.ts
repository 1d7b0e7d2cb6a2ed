/** Which of the bridge's addresses a request is for, wherever the router is mounted. */

import type { IncomingMessage } from 'node:http';

export interface Route {
  readonly name: 'auth' | 'button' | 'callback' | 'client';
  /** What follows the name: a request's ID, a file's name, or an instance's host. */
  readonly segment: string;
  /** The query with its question mark, or nothing. */
  readonly search: string;
}

type MountedRequest = IncomingMessage & { readonly originalUrl?: string };

/**
 * Below the public URL's path; or, where a proxy or a framework takes a prefix away, below what is left.
 * @param basePath the public URL's path, without a slash at its end
 */
export function routeOf(req: MountedRequest, basePath: string): Route | undefined {
  const whole = req.originalUrl ?? req.url ?? '/';
  const below = whole.startsWith(`${basePath}/`) ? matched(whole.slice(basePath.length)) : undefined;
  if (below) return below;
  const left = matched(req.url ?? '/');
  // With a path such as /auth of its own, another page of the application could be meant.
  return left?.name === 'auth' && basePath !== '' && !/^[\w-]{24}$/.test(left.segment) ? undefined : left;
}

const names: readonly string[] = ['auth', 'button', 'callback', 'client'] satisfies Route['name'][];

function matched(url: string): Route | undefined {
  const [, name = '', segment = '', search = ''] =
    /^\/(\w+)\/([^/?#]+)\/?(\?[^#]*)?(?:#.*)?$/.exec(url) ?? [];
  return names.includes(name) ? { name: name as Route['name'], segment, search } : undefined;
}
