/** The recipe of docs/recipes.md that posts with masto.js, with a server that records the post. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { blocksRunBy, errorsIn, runWith } from './blocks.js';

const blocks = blocksRunBy('test/recipes/posting.recipe.ts', 'docs/recipes.md');

it('compiles', () => {
  expect(errorsIn(blocks)).toEqual([]);
});

it('posts as the user who logged in', async () => {
  const heard: unknown[] = [];
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => (body += chunk));
    req.on('end', () => {
      heard.push([req.method, req.url, req.headers.authorization, JSON.parse(body)]);
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify({ id: '1', url: 'https://mastodon.example/@ada/1' }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const lines = await runWith(
      blocks,
      () => `
        import { post } from './0.mjs';
        console.log(await post({ origin: '${origin}', accessToken: 'a-token' }, 'Hello!'));`,
    );
    expect(lines).toEqual(['https://mastodon.example/@ada/1']);
    const posted = expect.objectContaining({ status: 'Hello!', visibility: 'unlisted' });
    expect(heard).toEqual([['POST', '/api/v1/statuses', 'Bearer a-token', posted]]);
  } finally {
    server.close();
  }
});
