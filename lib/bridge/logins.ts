/** Answers the messages of programs: opens a request for each, within limits per connection, per network and in all. */

import { WebSocket } from 'ws';
import { MastodonError } from '../errors.js';
import type { MastodonLogin } from '../login/login.js';
import { Quota } from '../util/quota.js';
import type { BridgeSettings } from './options.js';
import { bridgeError, invalidHost, loginError, readMessage, setId } from './protocol.js';
import type { Requests } from './requests.js';
import { codeFor, loggedID } from './secrets.js';
import type { BridgeSocket, PendingLogin } from './socket.js';

export class BridgeLogins {
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
    if (!message) return socket.reject(1008);
    if (socket.logins.size >= this.settings.limits.requestsPerSocket) {
      return void socket.tell(bridgeError('too_many_requests'));
    }
    const login = this.add(socket);
    if (!login) return void socket.tell(bridgeError('server_busy'));
    void this.answer(login, message.host).then((answer) => {
      if (login.id === undefined) this.remove(login);
      if (answer !== undefined && !login.isEvicted) socket.tell(answer);
    });
  }

  /** The program has disconnected. A login still counts until its discovery has ended. */
  closed(socket: BridgeSocket): void {
    for (const login of socket.logins) if (login.id !== undefined) this.abandon(login);
  }

  private async answer(login: PendingLogin, host: unknown): Promise<string | undefined> {
    const { socket } = login;
    const isOver = () => login.isEvicted || socket.readyState !== WebSocket.OPEN;
    try {
      const instance = await this.login.find(host);
      if (isOver()) return undefined;
      const { id, expiresAt } = await this.requests.open(instance, (result) => {
        this.remove(login);
        return socket.tell(result);
      });
      login.id = id;
      if (isOver()) {
        this.abandon(login);
        return undefined;
      }
      this.settings.log('request_opened', { id: loggedID(id), instance: instance.host });
      const url = `${this.settings.publicURL}/auth/${id}`;
      return setId({ id, url, code: codeFor(id), expires: expiresAt });
    } catch (error) {
      return this.refusal(error);
    }
  }

  /** When all are in use, the newest login of the network that has most makes room for a network that has less. */
  private add(socket: BridgeSocket): PendingLogin | undefined {
    const { address } = socket;
    if (!this.quota.hasRoom(address)) return undefined;
    if (this.pending.size >= this.settings.limits.pendingInAll) {
      const heaviest = this.quota.heaviest(address, this.pending);
      if (!heaviest) return undefined;
      heaviest.isEvicted = true;
      this.abandon(heaviest);
      heaviest.socket.tell(bridgeError('server_busy', heaviest.id));
    }
    const login: PendingLogin = { socket, address, id: undefined, isEvicted: false };
    this.pending.add(login);
    this.quota.add(address);
    socket.logins.add(login);
    return login;
  }

  private abandon(login: PendingLogin): void {
    this.remove(login);
    if (login.id === undefined) return;
    this.settings.log('request_ended', { id: loggedID(login.id), outcome: 'abandoned' });
    void this.requests.abandon(login.id);
  }

  /** May be called more than once. */
  private remove(login: PendingLogin): void {
    login.socket.logins.delete(login);
    if (this.pending.delete(login)) this.quota.remove(login.address);
  }

  private refusal(error: unknown): string {
    if (!(error instanceof MastodonError)) {
      this.settings.log('failed', { error });
      return bridgeError('server_failed');
    }
    const { code, message, instance } = error;
    if (code === 'store_failed') {
      this.settings.log('failed', { error });
      return loginError(code, message);
    }
    this.settings.log('host_refused', { code, ...(instance !== undefined && { instance }) });
    return invalidHost(code, message);
  }
}
