/** The bridge, or a plain server of the ws package with pings that answers each message. */

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { WebSocketServer } from 'ws';
import { answering, settings } from './processes.mjs';

const heartbeatMs = 30_000;
const server = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 4096 });

if (settings().contender === 'bare') {
  const sockets = new WebSocketServer({ server, maxPayload: 4096 });
  // As in the documentation of ws, to find dead connections.
  sockets.on('connection', (socket) => {
    socket.isAlive = true;
    socket.on('pong', () => (socket.isAlive = true));
    socket.on('error', () => undefined);
    socket.on('message', (text) => {
      JSON.parse(String(text));
      socket.send(
        '{"type":"invalid-host","parameters":{"code":"instance_invalid","message":"No such host."}}',
      );
    });
  });
  setInterval(() => {
    for (const socket of sockets.clients) {
      if (!socket.isAlive) socket.terminate();
      socket.isAlive = false;
      socket.ping();
    }
  }, heartbeatMs);
} else {
  server.on('listening', () => {
    const { createBridge } = createRequire(import.meta.url)('../dist/bridge/index.js');
    const bridge = createBridge({
      clientName: 'Benchmark',
      publicURL: `http://localhost:${server.address().port}`,
      limits: { maxSockets: 1_000_000, messagesPerMinute: 1_000_000_000 },
    });
    server.on('request', bridge.router);
    bridge.attach(server);
  });
}

answering({ port: () => server.address().port });
