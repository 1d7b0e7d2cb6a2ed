/** Passport's messages in docs/errors.md are those that Passport gives for these mistakes. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import express, { type RequestHandler } from 'express';
import session from 'express-session';
import { Passport } from 'passport';
import { MastodonStrategy } from '../../lib/index.js';
import { anInstance, aSite, leastOptions } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';
import { root } from './pages.js';

const page = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');
const withSession = (): RequestHandler => session({ secret: 'x', resave: false, saveUninitialized: false });
const aStrategy = () =>
  new MastodonStrategy({ ...leastOptions, passReqToCallback: false }, async () => ({ id: '1' }));

/** The outcome of the first request of a site. */
async function saidAtStart(middleware: readonly RequestHandler[]): Promise<string> {
  const app = express();
  for (const one of middleware) app.use(one);
  let said = '';
  app.use(((error: Error, _req, res, _next) => {
    said = error.message;
    res.status(500).end();
  }) satisfies express.ErrorRequestHandler);
  const server = app.listen(0, '127.0.0.1');
  try {
    await new Promise((resolve) => server.once('listening', resolve));
    await fetch(`http://127.0.0.1:${(server.address() as { port: number }).port}/`);
  } finally {
    server.close();
  }
  return said;
}

it('another copy of Passport has the strategy', async () => {
  const [mine, another] = [new Passport(), new Passport()];
  another.use(aStrategy());
  const said = await saidAtStart([withSession(), mine.authenticate('mastodon')]);
  expect(page).toContain(`| \`${said}\` |`);
});

it('the session is missing', async () => {
  const said = await saidAtStart([new Passport().session()]);
  expect(said).toMatch(/^Login sessions require session support/);
  expect(page).toContain('| `Login sessions require session support` |');
});

it('there is nothing to write a user into the session', async () => {
  const instance = await anInstance();
  const site = await aSite({ instances: [instance] });
  Object.assign(site.passport, { _serializers: [] });
  await new Visitor().login(site, instance.host);
  expect(site.errors).toMatchObject([{ message: 'Failed to serialize user into session' }]);
  expect(page).toContain('| `Failed to serialize user into session` |');
});

it('there is nothing to read a user out of the session', async () => {
  const loggedIn: RequestHandler = (req, _res, next) => {
    Object.assign(req.session, { passport: { user: 'another' } });
    next();
  };
  const said = await saidAtStart([withSession(), loggedIn, new Passport().session()]);
  expect(page).toContain(`| \`${said}\` |`);
});
