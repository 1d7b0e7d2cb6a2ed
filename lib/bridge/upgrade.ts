/** Takes one path's WebSocket upgrades of a server, and leaves everybody else's alone. */

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

export type UpgradeListener = (req: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** The listeners of all bridges, with their paths: a server with no other ones has nobody else for an upgrade. */
const ours = new WeakMap<object, string>();

/**
 * Other listeners never see an upgrade of ours. That is more than politeness: a `WebSocketServer` of the ws package
 * with a path of its own answers every other path's upgrades with 400, on the very same socket.
 * @returns how to stop
 */
export function takeUpgrades(server: Server, path: string, take: UpgradeListener): () => void {
  // Node offers upgrades only to a server that has a listener for them.
  const leave = (_req: IncomingMessage, socket: Duplex): void => {
    const paths = server.listeners('upgrade').map((listener) => ours.get(listener));
    if (paths.includes(undefined) || socket.writableEnded) return;
    refuseUpgrade(socket, 404, 'Not Found', `No WebSocket is taken here, but at ${paths.join(' and ')}`);
  };
  ours.set(leave, path);
  server.on('upgrade', leave);

  const emit = server.emit;
  let isTaking = true;
  const emitOthers = function (this: Server, event: string | symbol, ...args: never[]): boolean {
    if (isTaking && event === 'upgrade') {
      const [req, socket, head] = args as unknown as Parameters<UpgradeListener>;
      if (req.url?.split('?', 1)[0] === path) {
        take(req, socket, head);
        return true;
      }
    }
    return emit.apply(this, [event, ...args] as never);
  };
  server.emit = emitOthers as typeof emit;
  return () => {
    isTaking = false;
    server.off('upgrade', leave);
    // Unless somebody has wrapped it again.
    if (server.emit === (emitOthers as typeof emit)) server.emit = emit;
  };
}

export function refuseUpgrade(socket: Duplex, status: number, reason: string, text = reason): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}
