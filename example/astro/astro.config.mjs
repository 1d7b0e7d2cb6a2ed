/** Pages on demand with the adapter for Node.js, which also keeps sessions in files. */

import node from '@astrojs/node';
import { defineConfig } from 'astro/config';

export default defineConfig({
  output: 'server',
  adapter: node({ mode: 'standalone' }),
  // In a clone the package is a link, which Vite would bundle. A site that installs it does not need this line.
  vite: { ssr: { external: ['passport-mastodon-oauth2'] } },
  server: { port: Number(process.env.PORT ?? 3000) },
});
