/**
 * Bundles components for browsers: reads `{ framework: { component, loadsButton } }` as JSON, and writes `{ framework: code }`.
 * The code sets `globalThis.app`, which mounts the component.
 */

import { text } from 'node:stream/consumers';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { compile, compileModule } from 'svelte/compiler';
import { compileScript, parse } from 'vue/compiler-sfc';

const button = resolve(import.meta.dirname, '..', '..', 'dist', 'button', 'browser', 'mastodon-login.js');

/** The names of the modules end as each compiler expects. Their folder has the frameworks. */
const names = {
  react: ['App.tsx', 'start.tsx'],
  vue: ['App.vue', 'start.js'],
  svelte: ['App.svelte', 'start.svelte.js'],
};

const starts = {
  react: `
    import { createRoot, hydrateRoot } from 'react-dom/client';
    import { renderToString } from 'react-dom/server.browser';
    import App from './App.tsx';
    const handle = (root) => ({ update: (props) => root.render(<App {...props} />), unmount: () => root.unmount() });
    globalThis.app = {
      mount(target, props) {
        const root = createRoot(target);
        root.render(<App {...props} />);
        return handle(root);
      },
      hydrate(target, props) {
        target.innerHTML = renderToString(<App {...props} />);
        return handle(hydrateRoot(target, <App {...props} />, { onRecoverableError: (error) => { throw error; } }));
      },
    };`,
  vue: `
    import { createApp, h, shallowRef } from 'vue';
    import App from './App.vue';
    globalThis.app = {
      mount(target, props) {
        const state = shallowRef(props);
        const app = createApp({ render: () => h(App, state.value) });
        app.mount(target);
        return { update: (next) => void (state.value = next), unmount: () => app.unmount() };
      },
    };`,
  svelte: `
    import { flushSync, mount, unmount } from 'svelte';
    import App from './App.svelte';
    globalThis.app = {
      mount(target, props) {
        const state = $state(props);
        const app = mount(App, { target, props: state });
        return { update: (next) => flushSync(() => Object.assign(state, next)), unmount: () => unmount(app) };
      },
    };`,
};

/** A single-file component as a module. */
function vueModule(source) {
  const compilerOptions = { isCustomElement: (tag) => tag === 'mastodon-login' };
  const { descriptor } = parse(source, { filename: 'App.vue', templateParseOptions: compilerOptions });
  const { content } = compileScript(descriptor, {
    id: 'app',
    inlineTemplate: true,
    templateOptions: { compilerOptions },
  });
  return content;
}

const transforms = {
  '.vue': vueModule,
  '.svelte': (source) => compile(source, { filename: 'App.svelte', dev: true }).js.code,
  '.svelte.js': (source) => compileModule(source, { filename: 'start.svelte.js', dev: true }).js.code,
};

async function bundle(framework, { component, loadsButton }) {
  const [app, start] = names[framework].map((name) => join(import.meta.dirname, name));
  const sources = new Map([
    [app, component],
    [start, starts[framework]],
    ['nothing', ''],
  ]);
  const virtual = {
    name: 'virtual',
    resolveId(id) {
      if (id === 'passport-mastodon-oauth2/button') return loadsButton ? button : 'nothing';
      if (id === 'passport-mastodon-oauth2/button/style.css') return 'nothing';
      const path = id.startsWith('./') ? join(import.meta.dirname, id.slice(2)) : id;
      return sources.has(path) ? path : undefined;
    },
    load(id) {
      const source = sources.get(id);
      if (source === undefined) return undefined;
      const [, transform] = Object.entries(transforms).find(([ending]) => id.endsWith(ending)) ?? [];
      return transform ? { code: transform(source), moduleType: 'js' } : source;
    },
  };
  const build = await rolldown({
    input: start,
    plugins: [virtual],
    platform: 'browser',
    transform: {
      define: {
        'process.env.NODE_ENV': '"development"',
        __VUE_OPTIONS_API__: 'true',
        __VUE_PROD_DEVTOOLS__: 'false',
        __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
      },
    },
    onLog: () => undefined,
  });
  const { output } = await build.generate({ format: 'esm', codeSplitting: false });
  await build.close();
  return output[0].code;
}

const wanted = JSON.parse(await text(process.stdin));
const bundled = await Promise.all(
  Object.entries(wanted).map(async ([name, options]) => [name, await bundle(name, options)]),
);
process.stdout.write(JSON.stringify(Object.fromEntries(bundled)));
