/** Validates options. Messages name the function, the option, and its value unless it is a secret. */

import { suggestion } from './did-you-mean.js';
import { hostSegment, parsedURL } from './url.js';

/** Options that had another name before the first release. */
const newNames: ReadonlyMap<string, string> = new Map([
  ['clientURL', 'clientMetadataURL'],
  ['startTimeoutMs', 'loginTimeoutMs'],
  ['maxPreparations', 'maxConcurrentStarts'],
  ['maxExchanges', 'maxConcurrentCallbacks'],
  ['maxExchangesPerInstance', 'maxConcurrentCallbacksPerInstance'],
  ['failureMemoryMs', 'failureCooldownMs'],
]);

export class Checks {
  /** @param caller the function or class that the site called, such as `MastodonStrategy` */
  constructor(readonly caller: string) {}

  /** @throws TypeError always */
  fail(problem: string): never {
    throw new TypeError(`${this.caller}: ${problem}`);
  }

  /** @throws TypeError that shows the value */
  wrong(name: string, must: string, value: unknown): never {
    this.fail(`${name} must ${must}, and is ${describeValue(value)}`);
  }

  /**
   * Checks that all options have known names.
   * @param all what messages call the options together
   * @param one text before the name of one option
   */
  options<T extends object>(value: T, known: readonly string[], all = 'options', one = 'option '): T {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.wrong(all, 'be an object', value);
    }
    for (const [name, given] of Object.entries(value)) {
      if (given === undefined || known.includes(name)) continue;
      const renamed = newNames.get(name);
      if (renamed !== undefined && known.includes(renamed))
        this.fail(`${one}${name} is called ${renamed} now`);
      this.fail(`there is no ${one}${name}${suggestion(name, known)}`);
    }
    return value;
  }

  text(name: string, value: unknown): string {
    if (value === undefined) throw new TypeError(`${this.caller} requires a ${name} option`);
    if (typeof value === 'string' && value.trim() !== '') return value;
    return this.wrong(name, 'be text that is not empty', value);
  }

  boolean(name: string, value: unknown, byDefault: boolean): boolean {
    if (value === undefined) return byDefault;
    return typeof value === 'boolean' ? value : this.wrong(name, 'be true or false', value);
  }

  function<F>(name: string, value: F | undefined): F | undefined {
    if (value !== undefined && typeof value !== 'function') this.wrong(name, 'be a function', value);
    return value;
  }

  wholeNumber(name: string, value: unknown, least = 1): number {
    // setTimeout accepts at most 2^31 - 1 milliseconds, and fires at once for longer times.
    if (!Number.isSafeInteger(value) || Number(value) < least || Number(value) > 0x7fffffff) {
      this.wrong(name, `be a whole number of at least ${least}`, value);
    }
    return Number(value);
  }

  list(name: string, value: unknown): readonly unknown[] {
    return Array.isArray(value) ? value : this.wrong(name, 'be an array', value);
  }

  methods<T extends object>(name: string, value: T, methods: readonly (keyof T & string)[]): T {
    if (value instanceof Promise) this.fail(`${name} is a promise: await it first`);
    if (!methods.every((method) => typeof value?.[method] === 'function')) {
      this.fail(`${name} must have the methods ${methods.join(', ')}`);
    }
    return value;
  }

  /**
   * An absolute URL of the site, without a trailing slash. Paths are appended to it.
   * @param segment one segment of this text is allowed, although it looks like the pattern of a route
   * @throws TypeError
   */
  baseURL(name: string, value: unknown, segment?: string): string {
    const text = this.text(name, value);
    const url = parsedURL(text);
    if (!url || !/^https?:\/\//i.test(text)) return this.wrong(name, 'be an absolute URL', text);
    const { href, protocol, hostname, pathname, username, password } = url;
    if (protocol !== 'https:' && !isLoopbackHost(hostname)) {
      this.wrong(name, 'use https, except on loopback', text);
    }
    if (username || password || /[?#]/.test(text)) {
      this.wrong(name, 'have no query, fragment or credentials', text);
    }
    const path = segment ? `${pathname}/`.replace(`/${segment}/`, '/') : pathname;
    if (/\/[:*]/.test(path)) {
      const except = segment ? ` other than one segment "${segment}"` : '';
      this.wrong(name, `hold no pattern of a route${except}`, text);
    }
    if (href.includes('%')) this.wrong(name, 'need no percent-encoding', text);
    if (pathname.includes('//')) this.wrong(name, 'have no empty segments in its path', text);
    // Mastodon accepts redirect URIs of at most 2000 characters. A host has at most 253.
    if (href.length > 1700) this.wrong(name, 'have at most 1700 characters', text);
    return href.replace(/\/+$/, '');
  }

  /** Like `baseURL`, but one segment may be `:instance`, the position of the instance's host. @throws TypeError */
  instanceURL(name: string, value: unknown): string {
    const url = this.baseURL(name, value, hostSegment);
    // A last segment `:instance` is removed, because the host is appended by default.
    return url.endsWith(`/${hostSegment}`) ? url.slice(0, -hostSegment.length - 1) : url;
  }
}

/** Whether the host is this machine. Browsers treat http on it like https (W3C Secure Contexts, 3.1). */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|.+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

/** A short form of a value for messages. URLs with credentials are not shown. */
function describeValue(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  if (typeof value !== 'string') return String(value);
  if (/:\/\/[^/?#]*@/.test(value)) return 'an address with credentials';
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}

/** @throws TypeError with the fix. The value is not shown, because it may contain a password. */
export function checkStore(checks: Checks, value: unknown): void {
  if (value === undefined) return;
  const { sendCommand, get, set, del, delete: remove } = Object(value) as Record<string, unknown>;
  const isClient = [get, set, del].every((method) => typeof method === 'function') && remove === undefined;
  const ofRedis = 'redisStore(client) of passport-mastodon-oauth2/stores';
  if (typeof value === 'string' || value instanceof URL)
    checks.fail(`store must not be an address: pass a Keyv, or ${ofRedis}`);
  if (isClient && typeof sendCommand === 'function')
    checks.fail(`store must not be a client of Redis: pass ${ofRedis}`);
  if (isClient)
    checks.fail('store has del and no delete: pass an object with get, set and delete that calls the client');
  checks.methods('store', value as Record<'get' | 'set' | 'delete', unknown>, ['get', 'set', 'delete']);
}
