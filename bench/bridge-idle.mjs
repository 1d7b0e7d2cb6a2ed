/**
 * Memory that an idle client costs: on the bridge, and on a bare server of the ws package in the same run.
 *
 *   npm run build && node bench/bridge-idle.mjs [clients, default 10000]
 *
 * Servers and clients are processes of their own. Prints per client, with the ratio of the two: live memory (heap and
 * buffers after a collection), and resident memory, which also holds what V8 has not given back and varies with that.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';

const self = fileURLToPath(import.meta.url);
const rounds = 3;
const clientProcesses = 4;

const [role = 'main', ...args] = process.argv.slice(2);
if (role === 'server') await serve(args[0]);
else if (role === 'clients') await connect(args[0], Number(args[1]));
else await main(Number(role) || 10_000);

async function main(count) {
  const costs = { bare: [], bridge: [] };
  for (let round = 1; round <= rounds; round++) {
    for (const kind of ['bare', 'bridge']) costs[kind].push(await measure(kind, count));
  }
  print(`${count} idle clients, median of ${rounds} rounds, per client:`);
  for (const what of ['live', 'resident']) {
    const [bare, bridge] = [costs.bare, costs.bridge].map((all) => median(all.map((cost) => cost[what])));
    print(
      `${what.padEnd(9)} bare ws ${kib(bare)}  bridge ${kib(bridge)}  ratio ${(bridge / bare).toFixed(2)}`,
    );
  }
}

/** Bytes per client. */
async function measure(kind, count) {
  const server = fork(self, ['server', kind], { execArgv: ['--expose-gc'] });
  const [{ port }] = await once(server, 'message');
  const before = await memoryOf(server);
  const share = Math.ceil(count / clientProcesses);
  const clients = await Promise.all(
    Array.from({ length: clientProcesses }, async () => {
      const child = fork(self, ['clients', String(port), String(share)]);
      await once(child, 'message');
      return child;
    }),
  );
  const after = await memoryOf(server);
  for (const child of [...clients, server]) child.kill();
  await Promise.all([...clients, server].map((child) => once(child, 'exit')));
  const perClient = (what) => (after[what] - before[what]) / (share * clientProcesses);
  return { live: perClient('live'), resident: perClient('resident') };
}

async function memoryOf(server) {
  server.send('measure');
  const [memory] = await once(server, 'message');
  return memory;
}

async function serve(kind) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  if (kind === 'bare') {
    // As bare as it can do anything at all: it hears its clients, and notices mistakes of theirs.
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => {
      socket.on('message', () => undefined);
      socket.on('error', () => undefined);
    });
  } else {
    const { createBridge } = await import('../dist/bridge/index.js');
    const bridge = createBridge({
      clientName: 'Benchmark',
      publicURL: `http://localhost:${port}`,
      limits: { maxSockets: 1_000_000 },
    });
    server.on('request', bridge.router);
    bridge.attach(server);
  }
  process.on('message', async () => {
    // Sockets that were just opened have settled by then.
    await pause(6000);
    for (let time = 0; time < 5; time++) {
      globalThis.gc();
      await pause(100);
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    process.send({ live: heapUsed + external, resident: rss });
  });
  process.send({ port });
}

async function connect(port, count) {
  const sockets = [];
  // A few at a time: a server's backlog is short.
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(50, count - sockets.length) }, () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
      socket.on('close', () => process.exit(1));
      return socket;
    });
    await Promise.all(batch.map((socket) => once(socket, 'open')));
    sockets.push(...batch);
  }
  process.send('connected');
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function kib(bytes) {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
