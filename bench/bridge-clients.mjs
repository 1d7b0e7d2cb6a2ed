/** Clients of a WebSocket server, which are idle until the benchmark lets them talk. */

import { once } from 'node:events';
import { WebSocket } from 'ws';
import { timed } from './visitors.mjs';
import { answering } from './processes.mjs';

const sockets = [];

answering({
  async connect({ port, count }) {
    for (const end = sockets.length + count; sockets.length < end;) {
      const batch = Array.from({ length: Math.min(50, end - sockets.length) }, () => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
        socket.on('close', () => process.exit(1));
        return socket;
      });
      await Promise.all(batch.map((socket) => once(socket, 'open')));
      sockets.push(...batch);
    }
  },
  /** Each sends so many messages, the next one after the answer. @returns milliseconds for all */
  talk: ({ text, answer, each }) =>
    timed(sockets.length, sockets.length, async (n) => {
      for (let sent = 0; sent < each; sent++) await said(sockets[n], text, answer);
    }),
});

function said(socket, text, answer) {
  return new Promise((resolve, reject) => {
    socket.once('message', (data) => {
      const { type } = JSON.parse(String(data));
      if (type === answer) resolve();
      else reject(new Error(`answered with ${data}`));
    });
    socket.send(text);
  });
}
