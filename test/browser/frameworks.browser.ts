/**
 * The button in React, Vue and Svelte, and on a page of plain HTML: the code of docs/button.md and docs/just-the-
 * button.md.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { Browser, Page } from 'playwright-core';
import { messageFor } from '../../lib/button/form';
import { blocksOf, root } from '../docs/pages';
import { inChromium, launch } from './chromium';
import { buttonScript, startSite, type Site } from './site';

const test = 'test/browser/frameworks.browser.ts';

/** The code of a page in one language that names this test. */
function codeOf(path: string, language: string): string {
  const page = { path, text: readFileSync(join(root, path), 'utf8') };
  const found = blocksOf(page).filter((block) => block.tag?.value === test && block.language === language);
  expect(found).toHaveLength(1);
  return found[0]!.code;
}

const languages = { react: 'tsx', vue: 'vue', svelte: 'svelte' } as const;
type Framework = keyof typeof languages;
const frameworks = Object.keys(languages) as Framework[];

interface Mounted {
  update(props: object): void;
  unmount(): void;
}
interface App {
  mount(target: Element, props: object): Mounted;
  hydrate(target: Element, props: object): Mounted;
}
type InPage = typeof globalThis & { app: App; mounted: Mounted };

/** Bundles of the documented components, with or without their own import of the button. */
function bundles(loadsButton: boolean): Record<Framework, string> {
  const wanted = frameworks.map((name) => {
    const component = codeOf('docs/button.md', languages[name]);
    return [name, { component, loadsButton }] as const;
  });
  const output = execFileSync(process.execPath, [join(__dirname, 'bundle.mjs')], {
    input: JSON.stringify(Object.fromEntries(wanted)),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(output) as Record<Framework, string>;
}

inChromium('the button in a framework', () => {
  let browser: Browser;
  let site: Site;
  let page: Page;
  let complaints: string[];
  let withButton: Record<Framework, string>;
  let withoutButton: Record<Framework, string>;

  beforeAll(async () => {
    [browser, site] = await Promise.all([launch(), startSite()]);
    [withButton, withoutButton] = [bundles(true), bundles(false)];
    // Svelte compiles to HTML elements.
    site.policy = "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'";
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    site.close();
  });
  afterEach(async () => {
    await page.context().close();
    expect(complaints).toEqual([]);
  });

  async function open(path = '/', options = {}): Promise<void> {
    page = await (await browser.newContext(options)).newPage();
    page.setDefaultTimeout(20_000);
    complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      const isAbout = ['error', 'warning'].includes(message.type()) && !/status of 404/.test(message.text());
      if (isAbout) complaints.push(message.text());
    });
    await page.goto(site.origin + path);
  }

  async function openApp(code: string, head = ''): Promise<void> {
    site.scripts.set('/app.js', code);
    site.head = `${head}<script type="module" src="/app.js"></script>`;
    site.body = '<div id="app"></div>';
    await open();
  }

  const mount = (props: object, how: 'mount' | 'hydrate' = 'mount') =>
    page.evaluate(
      ([given, name]) => {
        const inPage = globalThis as InPage;
        inPage.mounted = inPage.app[name](document.querySelector('#app')!, given);
      },
      [props, how] as const,
    );
  const update = (props: object) =>
    page.evaluate((given) => (globalThis as InPage).mounted.update(given), props);
  const field = () => page.locator('input[name=instance]');
  const refusal = () => page.locator('.mastodon-login-error');
  const suggested = async () => {
    await field().fill('');
    await field().pressSequentially('e');
    return page.getByRole('option').allTextContents();
  };

  describe.each(frameworks)('%s', (framework) => {
    it('mounts the documented component, changes its properties, and logs in', async () => {
      await openApp(withButton[framework]);
      await mount({ servers: 'one.example two.example', error: 'timeout' });
      await refusal().waitFor();
      expect(await refusal().textContent()).toBe(messageFor('timeout'));
      expect(await suggested()).toEqual(['one.example', 'two.example']);
      await update({ servers: ['three.example', 'four.example'], error: null });
      expect(await suggested()).toEqual(['three.example', 'four.example']);
      expect(await refusal().count()).toBe(0);
      await update({ servers: null, error: 'access_denied' });
      expect(await refusal().textContent()).toBe(messageFor('access_denied'));
      expect(await suggested()).toContain('hachyderm.io');
      await update({ servers: undefined, error: undefined });
      expect(await refusal().count()).toBe(0);
      await field().fill('my.example');
      await page.keyboard.press('Enter');
      expect((await site.login()).fields.get('instance')).toBe('my.example');
    });

    it.each(['one.example', ['one.example'], null, undefined])(
      'mounts with the servers %j before and after the element is defined',
      async (servers) => {
        const expected = expect.arrayContaining([servers ? 'one.example' : 'hachyderm.io']);
        await openApp(withoutButton[framework], buttonScript);
        await mount({ servers });
        await field().waitFor();
        expect(await suggested()).toEqual(expected);
        await page.context().close();
        expect(complaints).toEqual([]);

        await openApp(withoutButton[framework]);
        await mount({ servers });
        await page.evaluate("import('/button/mastodon-login.js')");
        await field().waitFor();
        expect(await suggested()).toEqual(expected);
      },
    );

    it('works on a second visit inside the app', async () => {
      await openApp(withButton[framework]);
      for (const server of ['first.example', 'second.example']) {
        await mount({ servers: server });
        await field().waitFor();
        expect(await suggested()).toEqual([server]);
        expect(await page.locator('form').count()).toBe(1);
        await page.evaluate(() => (globalThis as InPage).mounted.unmount());
        expect(await page.locator('mastodon-login').count()).toBe(0);
      }
    });
  });

  it('enhances a page that React has rendered on the server', async () => {
    await openApp(withButton.react);
    await mount({ servers: 'one.example', error: 'timeout' }, 'hydrate');
    await refusal().waitFor();
    expect(await suggested()).toEqual(['one.example']);
    expect(await page.locator('form').count()).toBe(1);
  });

  describe('on a page of plain HTML', () => {
    const document = codeOf('docs/just-the-button.md', 'html');
    const [, body = ''] = /<body>(.*)<\/body>/s.exec(document) ?? [];

    beforeEach(() => {
      site.head = buttonScript;
      site.body = body;
    });

    it('is the form of the other page, and has the attributes for phones', async () => {
      await open();
      const squeezed = (html: string) => html.replace(/\s+/g, ' ').trim();
      expect(squeezed(body)).toContain(squeezed(codeOf('docs/button.md', 'html')));
      expect(document).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
      for (const file of ['mastodon-login.css', 'mastodon-login.js']) expect(document).toContain(`"${file}"`);
    });

    it('suggests servers, names a known one, and shows a failure', async () => {
      await open('/login?error=instance_unreachable&instance=typo.example');
      expect(await refusal().textContent()).toBe(
        messageFor('instance_unreachable', { instance: 'typo.example' }),
      );
      await field().fill('fosst');
      expect(await page.getByRole('button').last().textContent()).toBe('Continue with fosstodon.org');
      await page.keyboard.press('Enter');
      expect((await site.login()).fields.get('instance')).toBe('fosstodon.org');
    });

    it('logs in without JavaScript', async () => {
      await open('/', { javaScriptEnabled: false });
      await field().fill('my.example');
      await page.keyboard.press('Enter');
      expect((await site.login()).fields.get('instance')).toBe('my.example');
    });
  });
});

describe('the types', () => {
  const folder = join(__dirname, 'node_modules', 'passport-mastodon-oauth2');
  beforeAll(() => {
    // Beside the frameworks, where `npm install` would put it.
    mkdirSync(join(folder, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    cpSync(join(root, 'dist', 'button'), join(folder, 'dist', 'button'), { recursive: true });
  });

  /** The libraries' files, which are most of the work. */
  const read = new Map<string, ts.SourceFile>();
  function remember(path: string, file: ts.SourceFile | undefined): ts.SourceFile | undefined {
    if (file) read.set(path, file);
    return file;
  }

  function errorsIn(name: string, code: string, jsxImportSource?: string, at = __dirname): string[] {
    const path = join(at, name);
    const options: ts.CompilerOptions = {
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
      types: [],
      strict: true,
      noEmit: true,
      jsx: jsxImportSource === 'solid-js' ? ts.JsxEmit.Preserve : ts.JsxEmit.ReactJSX,
      ...(jsxImportSource && { jsxImportSource }),
    };
    const host = ts.createCompilerHost(options);
    const { fileExists, readFile, getSourceFile } = host;
    host.fileExists = (file) => file === path || fileExists(file);
    host.readFile = (file) => (file === path ? code : readFile(file));
    host.getSourceFile = (file, ...rest) =>
      file === path
        ? ts.createSourceFile(file, code, ts.ScriptTarget.ES2022, true)
        : (read.get(file) ?? remember(file, getSourceFile(file, ...rest)));
    const program = ts.createProgram([path], options, host);
    // The declarations of the frameworks themselves are not checked.
    return program
      .getSourceFiles()
      .filter(({ fileName }) => fileName === path || fileName.includes('mastodon-oauth2'))
      .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  }

  const jsx = (source: string, attributes: string) => `
    import 'passport-mastodon-oauth2/button';
    import '${source}';
    export const login = <mastodon-login action="/auth/mastodon" ${attributes} />;`;

  it('of the documented React component are right', () => {
    // Bundlers declare stylesheets.
    const code = codeOf('docs/button.md', 'tsx').replace(/^import .*css';$/m, '');
    expect(errorsIn('login.tsx', code, 'react')).toEqual([]);
  });

  it.each(['react', 'preact', 'solid-js'])('of the element are known to JSX of %s', (source) => {
    const every = `servers={['a.example']} error={null} message={undefined} instance="b.example" memory="off" join={false}`;
    expect(
      errorsIn(
        'every.tsx',
        jsx(source, `${every} id="login" lang="de" class${source === 'react' ? 'Name' : ''}="x"`),
        source,
      ),
    ).toEqual([]);
    expect(errorsIn('wrong.tsx', jsx(source, 'servers={1}'), source)).toEqual([
      expect.stringContaining('number'),
    ]);
    const other = jsx(source, '').replace('<mastodon-login', '<mastodon-logon');
    expect(errorsIn('other.tsx', other, source)[0]).toContain('mastodon-logon');
  });

  it('of the element are known to Svelte and Vue', () => {
    const code = (servers: string) => `
      import 'passport-mastodon-oauth2/button';
      import type { SvelteHTMLElements } from 'svelte/elements';
      import type { GlobalComponents } from 'vue';
      type ComponentProps = InstanceType<GlobalComponents['mastodon-login']>['$props'];
      export const svelte: SvelteHTMLElements['mastodon-login'] = { servers: ${servers}, lang: 'de' };
      export const vue: ComponentProps = { servers: ${servers} };`;
    expect(errorsIn('both.ts', code(`['a.example']`))).toEqual([]);
    expect(errorsIn('wrong.ts', code('1'))).toHaveLength(2);
  });

  it('cause no errors without a framework', () => {
    const code = `
      import { MastodonLoginElement } from 'passport-mastodon-oauth2/button';
      export const element: MastodonLoginElement = document.createElement('mastodon-login');
      element.servers = ['a.example'];
      element.error = null;
      element.busy = true;`;
    expect(errorsIn('none.ts', code, undefined, root)).toEqual([]);
  });
});
