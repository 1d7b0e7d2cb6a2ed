/** The types in the tarball, for sites with one or another version of Express and Passport, or with none. */

import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installTarball, typesOf, type Site } from './site';

// Each compiler reads some hundred files, without the results of an earlier one.
jest.setTimeout(60_000);

const sites: Site[] = [];
afterAll(() => sites.forEach((site) => site.remove()));

function aSite(...args: Parameters<typeof installTarball>): Site {
  const site = installTarball(...args);
  sites.push(site);
  return site;
}

/** The errors of a strict compiler in the files, and in every type that they import. */
function errorsIn(site: Site, files: Record<string, string>, compilerOptions: object = {}): string {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(site.folder, name), text);
  const tsconfig = {
    compilerOptions: {
      module: 'node16',
      target: 'es2022',
      lib: ['es2023'],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      esModuleInterop: true,
      skipLibCheck: false,
      ...compilerOptions,
    },
    include: ['*.ts', '*.cts', '*.mts'],
  };
  writeFileSync(join(site.folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  try {
    const tsc = [require.resolve('typescript/bin/tsc'), '-p', site.folder];
    return execFileSync(process.execPath, tsc, { encoding: 'utf8' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

const byDefault = `import Strategy, { MastodonStrategy } from 'passport-mastodon-oauth2';
export const same: typeof MastodonStrategy = Strategy;`;

it.each([
  ['express5', 'node16'],
  ['express5', 'nodenext'],
  ['express4', 'node16'],
] as const)('with the types of %s, a site with module %s, as CommonJS and as a module', (express, module) => {
  const site = aSite(typesOf[express]);
  for (const name of ['consumer.cts', 'consumer.mts']) {
    copyFileSync(join(__dirname, 'consumer.ts'), join(site.folder, name));
  }
  const files = { 'default.cts': byDefault, 'default.mts': byDefault };
  expect(errorsIn(site, files, { module })).toBe('');
});

it('with the types of passport-oauth2, the strategy is one of them', () => {
  const oauth2 = { '@types/passport-oauth2': '@types/passport-oauth2' };
  const site = aSite({ ...typesOf.express5, ...oauth2 }, ['@types/oauth']);
  const text = `
    import type OAuth2Strategy from 'passport-oauth2';
    import { MastodonStrategy } from 'passport-mastodon-oauth2';
    const options = { clientName: 'Example', callbackURL: 'https://example.com/callback' };
    export const it: OAuth2Strategy = new MastodonStrategy(options, async () => false);`;
  expect(errorsIn(site, { 'site.mts': text })).toBe('');
});

it('without any types of Express and Passport, there is still a strategy, and a mistake is still found', () => {
  const text = `
    import { MastodonStrategy, TokenError } from 'passport-mastodon-oauth2';
    const options = { clientName: 'Example', callbackURL: 'https://example.com/callback' };
    export const strategy = new MastodonStrategy(
      { ...options, passReqToCallback: true },
      async (req, _accessToken, _refreshToken, profile) => (req.headers.host ? profile : false),
    );
    export const name: string = strategy.name;
    export const codeOf = (error: unknown) => (error instanceof TokenError ? error.code.length : 0);
    // @ts-expect-error: there is no such member.
    strategy.forget();
    export class Ours extends MastodonStrategy {
      override authorizationParams(): object {
        return { ...super.authorizationParams({}), prompt: 'login' };
      }
    }`;
  expect(errorsIn(aSite(typesOf.none), { 'site.mts': text, 'site.cts': text })).toBe('');
});

it.each(['', '/core', '/web', '/bridge', '/issuer', '/stores', '/testing', '/button/form'])(
  'passport-mastodon-oauth2%s brings what it needs of the types of Node.js, where the configuration names none',
  (path) => {
    const text = `export * from 'passport-mastodon-oauth2${path}';`;
    const site = aSite(typesOf.none, ['@types/ws']);
    expect(errorsIn(site, { 'site.mts': text, 'site.cts': text }, { types: [] })).toBe('');
  },
);

it.each(['/web', '/core', '/button/form'])(
  'passport-mastodon-oauth2%s needs no types of Node.js in a project that has those of the DOM',
  (path) => {
    const site = aSite(typesOf.none);
    rmSync(join(site.folder, 'node_modules', '@types'), { recursive: true });
    const text = `export * from 'passport-mastodon-oauth2${path}';`;
    expect(errorsIn(site, { 'site.mts': text }, { types: [], lib: ['es2023', 'dom'] })).toBe('');
  },
);

it('@fastify/passport takes the strategy and its options', () => {
  const site = aSite(typesOf.none, ['@fastify/passport', 'fastify']);
  const text = `
    import passport from '@fastify/passport';
    import { fastify } from 'fastify';
    import { MastodonStrategy } from 'passport-mastodon-oauth2';
    const options = { clientName: 'Example', callbackURL: 'https://example.com/callback' };
    passport.use(new MastodonStrategy(options, async (_access, _refresh, profile) => profile));
    const app = fastify();
    const preValidation = passport.authenticate('mastodon', { lang: 'de', state: { a: 1 }, failureRedirect: '/login' });
    app.get('/callback/:instance', { preValidation }, (request) => ({ state: request.authInfo?.state }));
    app.get('/account', { preValidation: passport.authorize('mastodon', { forceLogin: true, state: 7 }) }, () => 'Hello');
    // @ts-expect-error: a flag, not a text.
    passport.authenticate('mastodon', { forceLogin: 'yes' });
    // @ts-expect-error: not an option of other strategies.
    passport.authenticate('google', { forceLogin: true });`;
  // The types of @fastify/passport do not compile alone: they need @fastify/flash.
  expect(errorsIn(site, { 'site.mts': text }, { skipLibCheck: true })).toBe('');
});

it('a site with the module resolution of Node 10', () => {
  const text = `
    import { MastodonStrategy } from 'passport-mastodon-oauth2';
    export const strategy = new MastodonStrategy(
      { clientName: 'Example', callbackURL: 'https://example.com/callback' },
      async (_accessToken, _refreshToken, profile) => profile,
    );`;
  const old = { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' };
  expect(errorsIn(aSite(), { 'site.ts': text }, old)).toBe('');
});
