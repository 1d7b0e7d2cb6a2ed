/** The attacker types thousands of servers, so that the site has no capacity for other visitors. */

import type { ServerResponse } from 'node:http';
import type { LookupFunction } from 'node:net';
import { randomToken } from '../../lib/login/browser.js';
import { MastodonLogin } from '../../lib/login/login.js';
import { names, refusal, until } from '../support/hostile.js';
import type { StandIn } from '../support/instance.js';
import { codeOf } from '../support/network.js';
import { anInstance, aSite, comeBack, leastOptions, start } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

const hosts = (count: number) => Array.from({ length: count }, (_, index) => `host${index}.example`);

/** How many of these are not settled yet. */
function pending(promises: readonly Promise<unknown>[]): () => number {
  let left = promises.length;
  const settle = () => left--;
  for (const promise of promises) promise.then(settle, settle);
  return () => left;
}

/** A name server that delays every answer until it is released; from then on no name exists. */
function silentNames() {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  let released = false;
  const lookup: LookupFunction = (name, _options, callback) => {
    asked.push(name);
    const fail = () => callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), '', 0);
    if (released) setImmediate(fail);
    else waiting.push(fail);
  };
  const release = () => {
    released = true;
    for (const fail of waiting.splice(0)) fail();
  };
  return { lookup, asked, hostsAsked: () => new Set(asked).size, release };
}

/** Answers of an instance that are delayed until the test releases them. */
function holdBack(instance: StandIn, route: string) {
  let answer: ((res: ServerResponse) => void) | undefined;
  const held: ServerResponse[] = [];
  instance.answer(route, (_req, res) => {
    if (answer) answer(res);
    else held.push(res);
  });
  const letGo = (how: (res: ServerResponse) => void) => {
    answer = how;
    for (const res of held.splice(0)) how(res);
  };
  return { held, letGo };
}

function refuse(res: ServerResponse): void {
  res.writeHead(400, { 'Content-Type': 'application/json' }).end('{"error":"invalid_grant"}');
}

/** No visitor is refused for waiting too long while a busy machine is still accepting the flood. */
const patient = { timeoutMs: 30_000, loginTimeoutMs: 30_000 };

describe('a flood of hosts that never answer', () => {
  it('is bounded in total, and a known instance stays fast', async () => {
    const instance = await anInstance();
    const { lookup, hostsAsked, release } = silentNames();
    const outbound = { maxConcurrentStarts: 20, maxWaiting: 100, ...patient, lookup: among(lookup) };
    const site = await aSite({ instances: [instance], options: { outbound } });
    expect((await new Visitor().login(site, instance.host)).status).toBe(200);

    const flood = hosts(400).map((host) => start(new Visitor(), site, host));
    const left = pending(flood);
    // Starts beyond the queue are refused at once; the others stay in it.
    await until(() => left() === 120, 15_000);
    expect(hostsAsked()).toBe(20);
    expect((await new Visitor().login(site, instance.host)).status).toBe(200);
    expect(left()).toBe(120);

    release();
    const pages = await Promise.all(flood);
    const codes = pages.map((page) => refusal(page).code);
    expect(codes.filter((code) => code === 'instance_unreachable')).toHaveLength(120);
    expect(codes.filter((code) => code === 'login_busy')).toHaveLength(280);
    expect(pages.filter(({ status }) => status === 503)).toHaveLength(280);
    expect(site.errors).toEqual([]);
  });

  it('of one host under hundreds of user names is bounded too, and leaves room for other new hosts', async () => {
    const fresh = await anInstance();
    const { lookup, asked, release } = silentNames();
    const outbound = { maxConcurrentStarts: 20, ...patient, lookup: among(lookup) };
    let typed = 0;
    const allowInstance = () => ++typed > 0;
    const site = await aSite({ instances: [fresh], options: { outbound, allowInstance } });
    const flood = hosts(400).map((_host, index) =>
      start(new Visitor(), site, `@user${index}@victim.example`),
    );
    await until(() => typed === 400, 15_000);
    expect((await start(new Visitor(), site, fresh.host)).status).toBe(302);
    // Each start looks up one handle, and they share the requests for the documents of the host.
    expect(asked.length).toBeLessThan(20);
    release();
    await Promise.all(flood);
    // The waiting starts learn that the host has failed, and send it no request of their own.
    expect(asked.length).toBeLessThan(200);
  });

  it('of the same host share one discovery', async () => {
    const { lookup, asked, release } = silentNames();
    let typed = 0;
    const allowInstance = () => ++typed > 0;
    const site = await aSite({ options: { outbound: { ...patient, lookup }, allowInstance } });
    const flood = hosts(300).map(() => start(new Visitor(), site, 'victim.example'));
    await until(() => typed === 300 && asked.length > 0, 15_000);
    // The few documents of one discovery.
    const once = asked.length;
    expect(once).toBeLessThan(10);
    release();
    const pages = await Promise.all(flood);
    expect(new Set(pages.map((page) => refusal(page).code))).toEqual(new Set(['instance_unreachable']));
    expect(asked).toHaveLength(once);
  });
});

it('starts that wait for one slow host are refused once, if its domain has reached its limit meanwhile', async () => {
  const slow = await anInstance('mastodon45', { hostname: 'slow.fedi.example' });
  const others = hosts(30).map((host) => slow.host.replace('slow', host.replace('.example', '')));
  const held: ServerResponse[] = [];
  slow.answer(/./, ({ headers }, res) => {
    if (headers.host === slow.host) held.push(res);
    else res.writeHead(404).end();
  });
  let refused = 0;
  const login = new MastodonLogin({
    ...leastOptions,
    developmentInstances: [slow.host, ...others].map((host) => `http://${host}`),
    outbound: { ...patient, lookup: names(() => ['127.0.0.1']).lookup },
    log: (event) => void (refused += Number(event.event === 'request' && event.code === 'login_busy')),
  });
  const codesOf = (typed: readonly string[]) =>
    Promise.all(typed.map((one) => codeOf(login.begin(one, randomToken()))));
  const flood = codesOf(Array<string>(100).fill(slow.host));
  await until(() => held.length > 0);
  await codesOf(others);
  refused = 0;
  for (const res of held) res.writeHead(404).end();
  expect(new Set(await flood)).toEqual(new Set(['login_busy']));
  // Each start for itself would send hundreds, without a pause in which the process could do other work.
  expect(refused).toBeLessThan(10);
});

it('a host that fails is not one that only had to wait while others were flooding', async () => {
  const honest = await anInstance();
  const { lookup, hostsAsked, release } = silentNames();
  const outbound = {
    maxConcurrentStarts: 2,
    maxWaiting: 1,
    failureCooldownMs: 60_000,
    lookup: among(lookup),
  };
  const site = await aSite({ instances: [honest], options: { outbound } });
  const flood = hosts(4).map((host) => start(new Visitor(), site, host));
  const left = pending(flood);
  await until(() => hostsAsked() === 2 && left() === 3);
  for (let tries = 0; tries < 4; tries++) {
    const page = await start(new Visitor(), site, honest.host);
    expect(refusal(page)).toEqual({ status: 503, code: 'login_busy' });
    // The address is right, so the message does not ask the visitor to check it.
    expect(page.text).not.toContain('Check the address');
  }
  release();
  await Promise.all(flood);
  expect((await start(new Visitor(), site, honest.host)).status).toBe(302);
});

describe('known instances that stop answering', () => {
  it('receive a limited number of verifications at the same time', async () => {
    const instances = await Promise.all(hosts(8).map(() => anInstance('mastodon42')));
    const site = await aSite({ instances, options: { outbound: { maxConcurrentStarts: 3 } } });
    const visitor = new Visitor();
    for (const { host } of instances) await start(visitor, site, host);
    const silent = instances.map((instance) => holdBack(instance, 'POST /oauth/token'));
    const waiting = () => silent.reduce((sum, { held }) => sum + held.length, 0);
    // If a browser starts again without having finished, the site verifies the client credentials.
    const pages = instances.map(({ host }) => start(visitor, site, host));
    await until(() => waiting() >= 3);
    // The others would have enough time for their requests if they were allowed.
    for (let visits = 0; visits < 5; visits++) {
      expect((await start(new Visitor(), site, instances[0]?.host ?? '')).status).toBe(302);
    }
    expect(waiting()).toBe(3);
    for (const { letGo } of silent) letGo(refuse);
    for (const { status } of await Promise.all(pages)) expect(status).toBe(302);
  });
});

describe('callbacks at an instance that stopped answering', () => {
  it('are bounded for one instance, and do not delay others', async () => {
    const [slow, honest] = [await anInstance('mastodon42'), await anInstance('mastodon42')];
    const outbound = { maxConcurrentCallbacksPerInstance: 3, maxConcurrentCallbacks: 5 };
    const site = await aSite({ instances: [slow, honest], options: { outbound } });
    const callbacks = await Promise.all(
      hosts(12).map(async () => {
        const visitor = new Visitor();
        return { visitor, url: await comeBack(visitor, site, slow.host) };
      }),
    );
    const { held, letGo } = holdBack(slow, 'POST /oauth/token');
    const pages = callbacks.map(({ visitor, url }) => visitor.get(url.href));
    const left = pending(pages);
    await until(() => held.length >= 3);
    expect((await new Visitor().login(site, honest.host)).status).toBe(200);
    expect(left()).toBe(12);
    expect(held).toHaveLength(3);
    letGo(refuse);
    for (const page of await Promise.all(pages)) expect(refusal(page).code).toBe('token_refused');
    expect(site.verified).toHaveLength(1);
  });
});

/** Resolves the names of the stand-ins, and passes all others to the attacker's lookup. */
function among(lookup: ReturnType<typeof names>['lookup']): typeof lookup {
  const own = names({ localhost: ['127.0.0.1'] }).lookup;
  return (name, options, callback) => (name === 'localhost' ? own : lookup)(name, options, callback);
}
