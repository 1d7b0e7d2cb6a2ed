/** Answers the messages of programs: opens a request for each, within limits per connection, per network and in all. */

import { WebSocket } from 'ws';
import { MastodonError } from '../errors.js';
import type { MastodonLogin } from '../login/login.js';
import type { BridgeSettings } from './options.js';
import { bridgeError, invalidHost, loginError, readMessage, setId } from './protocol.js';
import { Quota } from '../util/quota.js';
import type { Requests } from './requests.js';
import { codeFor, loggedID } from './secrets.js';
import type { BridgeSocket, PendingLogin } from './socket.js';

export class Logins {
  /** Oldest first. */
  private readonly pending = new Set<PendingLogin>();
  private readonly quota: Quota;

  constructor(
    private readonly settings: BridgeSettings,
    private readonly login: MastodonLogin,
    private readonly requests: Requests,
  ) {
    this.quota = new Quota(settings.limits.pendingPerAddress);
  }

  receive(socket: BridgeSocket, text: string): void {
    const message = readMessage(text);
    if (!message) return socket.reject('message_invalid', 1008);
    if ((socket.logins?.size ?? 0) >= this.settings.limits.requestsPerSocket) {
      return void socket.tell(bridgeError('too_many_requests'));
    }
    const login = this.add(socket);
    if (!login) return void socket.tell(bridgeError('server_busy'));
    void this.answer(login, message.host).then((answer) => {
      if (login.id === undefined) this.remove(login);
      if (answer !== undefined) socket.tell(answer);
    });
  }

  /** A request of the program was answered. */
  ended(socket: BridgeSocket, id: string): void {
    for (const login of socket.logins ?? []) if (login.id === id) this.remove(login);
  }

  /** The program is gone. A login whose instance is still being looked up counts until that is done. */
  closed(socket: BridgeSocket): void {
    for (const login of socket.logins ?? []) {
      if (login.id === undefined) continue;
      this.remove(login);
      this.abandon(login.id);
    }
  }

  private async answer(login: PendingLogin, host: unknown): Promise<string | undefined> {
    const { socket } = login;
    const isOver = () => login.isEvicted || socket.readyState !== WebSocket.OPEN;
    try {
      const instance = await this.login.find(host);
      if (isOver()) return undefined;
      const { id, expiresAt } = await this.requests.open(socket, instance);
      // The ID is not known outside yet, so that nothing can have happened to the request meanwhile.
      if (isOver()) {
        this.abandon(id);
        return undefined;
      }
      login.id = id;
      this.settings.log('request_opened', { id: loggedID(id), instance: instance.host });
      return setId({
        id,
        url: `${this.settings.publicURL}/auth/${id}`,
        code: codeFor(id),
        expires: expiresAt,
      });
    } catch (error) {
      return this.refusal(error);
    }
  }

  /** When all are in use, the newest login of the network that has most is ended for a network that has less. */
  private add(socket: BridgeSocket): PendingLogin | undefined {
    const { address } = socket;
    if (!this.quota.hasRoom(address)) return undefined;
    if (this.pending.size >= this.settings.limits.pendingInAll) {
      const heaviest = this.quota.heaviest(address, this.pending);
      if (!heaviest) return undefined;
      this.evict(heaviest);
    }
    const login: PendingLogin = { socket, address, id: undefined, isEvicted: false };
    this.pending.add(login);
    this.quota.add(address);
    socket.logins = (socket.logins ?? new Set()).add(login);
    return login;
  }

  private evict(login: PendingLogin): void {
    this.remove(login);
    login.isEvicted = true;
    if (login.id !== undefined) this.abandon(login.id);
    login.socket.tell(bridgeError('server_busy'));
  }

  /** May be called more than once. */
  private remove(login: PendingLogin): void {
    login.socket.logins?.delete(login);
    if (this.pending.delete(login)) this.quota.remove(login.address);
  }

  private refusal(error: unknown): string {
    if (!(error instanceof MastodonError) || error.code === 'store_failed') {
      this.settings.log('failed', { error });
      return error instanceof MastodonError
        ? loginError(error.code, error.message)
        : bridgeError('server_failed');
    }
    const { code, message, instance } = error;
    this.settings.log('host_refused', { code, ...(instance !== undefined && { instance }) });
    return invalidHost(code, message);
  }

  private abandon(id: string): void {
    this.settings.log('request_ended', { id: loggedID(id), outcome: 'abandoned' });
    void this.requests.abandon(id);
  }
}
