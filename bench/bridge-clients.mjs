/** Clients of a WebSocket server, which keep still. */

import { once } from 'node:events';
import { WebSocket } from 'ws';
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
});
