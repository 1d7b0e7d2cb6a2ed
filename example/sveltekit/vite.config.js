/** The configuration that `sv create` writes, with the adapter for Node.js and the port of the example. */

import adapter from '@sveltejs/adapter-node';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [sveltekit({ adapter: adapter() })],
  // In a clone the package is a link, which Vite would bundle. A site that installs it does not need this line.
  ssr: { external: ['passport-mastodon-oauth2'] },
  server: { port: Number(process.env.PORT ?? 3000), strictPort: true },
});
