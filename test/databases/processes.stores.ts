/**
 * Processes of one site on one database: they act as one, and survive a restart of each other and of the database.
 */

import { startInstance, type StandIn } from '../support/instance.js';
import { at, shareCookies, startProcess, type SiteProcess } from '../support/site-processes.js';
import { Visitor } from '../support/visitor.js';
import { kinds } from './kinds.js';
import type { Server } from './servers.js';

/** What Mastodon accepts from one address in ten minutes. */
const mastodonAllows = 5;

for (const { name, opener, skipped, start, deadly, faults } of kinds) {
  const run = skipped === undefined ? describe : describe.skip;
  run(`processes with ${name}${skipped === undefined ? '' : ` (skipped: ${skipped})`}`, () => {
    let server: Server;
    let instance: StandIn;
    const processes: SiteProcess[] = [];
    beforeAll(async () => {
      server = await start();
      instance = await startInstance('mastodon45', { throttle: true });
      const settings = { store: opener(server.url), instances: [instance], timeoutMs: 5_000 };
      processes.push(...(await Promise.all([1, 2, 3].map(() => startProcess(settings)))));
    });
    afterAll(async () => {
      await Promise.all(processes.map((one) => one.kill()));
      await Promise.all([server.end(), instance.close()]);
    });

    async function begin(process: SiteProcess) {
      const visitor = shareCookies(new Visitor(), processes);
      const page = await visitor.post(`${process.origin}/auth/mastodon`, { instance: instance.host });
      return { visitor, page };
    }

    async function logIn(from: SiteProcess, to: SiteProcess): Promise<string> {
      const { visitor, page } = await begin(from);
      if (page.location === undefined) return (page.json() as { code: string }).code;
      const callback = at(to, await visitor.approve(page.location));
      const end = await visitor.follow(await visitor.get(callback));
      return end.status === 200 ? 'in' : (end.json() as { code: string }).code;
    }

    it('register once, and any of them finishes a login that another one began', async () => {
      const pairs = processes.flatMap((from) => processes.map((to) => [from, to] as const));
      const ends = await Promise.all(pairs.map(([from, to]) => logIn(from, to)));
      expect(ends).toEqual(pairs.map(() => 'in'));
      // In a store without locks, several simultaneous callers on a busy machine may all get the lock.
      expect(instance.registrations).toBeLessThanOrEqual(faults?.hasLocks ? 1 : processes.length);
    });

    it('finish a login once, when its callback reaches all of them at the same moment', async () => {
      const { visitor, page } = await begin(processes[0] as SiteProcess);
      const callback = await visitor.approve(page.location ?? '');
      const answers = [...processes, ...processes].map((one) => visitor.get(at(one, callback)));
      const pages = await Promise.all(answers);
      expect(pages.filter(({ location }) => location?.endsWith('/me'))).toHaveLength(1);
    });

    const unlessDeadly = deadly === undefined ? it : it.skip;
    const why = deadly === undefined ? '' : ` (skipped: ${deadly})`;
    unlessDeadly(`refuse while it is away, without ending, and go on when it is back${why}`, async () => {
      const [one, other] = processes as [SiteProcess, SiteProcess];
      await server.stop();
      expect(await logIn(one, other)).toBe('store_failed');
      await server.start();
      const deadline = Date.now() + 20_000;
      let how = '';
      while (how !== 'in' && Date.now() < deadline) how = await logIn(one, other);
      expect(how).toBe('in');
      // Data that was only in memory is gone.
      expect(instance.registrations).toBeLessThanOrEqual(mastodonAllows);
    });

    it('continue a login when the process that began it is killed', async () => {
      const [killed, other] = processes as [SiteProcess, SiteProcess];
      const { visitor, page } = await begin(killed);
      const callback = await visitor.approve(page.location ?? '');
      await killed.kill();
      const end = await visitor.follow(await visitor.get(at(other, callback)));
      expect(end.status).toBe(200);
    });
  });
}
