/** What a client's message leads to: a request, or why there is none. */

import { WebSocket } from 'ws';
import { MastodonError } from '../errors.js';
import type { MastodonLogin } from '../login/login.js';
import { bridgeError, invalidHost, loginError, readMessage, setId } from './messages.js';
import type { BridgeSettings } from './options.js';
import { codeFor } from './request-secrets.js';
import { shown, type Requests } from './requests.js';
import type { BridgeSocket } from './socket.js';

export class Conversation {
  /** Hosts being looked up, for all clients. */
  private lookups = 0;

  constructor(
    private readonly settings: BridgeSettings,
    private readonly login: MastodonLogin,
    private readonly requests: Requests,
  ) {}

  hear(socket: BridgeSocket, text: string): void {
    const message = readMessage(text);
    if (!message) return socket.reject('message_invalid', 1008);
    const { requestsPerSocket, pendingInAll } = this.settings.limits;
    if ((socket.requests?.size ?? 0) + socket.lookups >= requestsPerSocket) {
      return socket.tell(bridgeError('too_many_requests'));
    }
    if (this.requests.size + this.lookups >= pendingInAll) return socket.tell(bridgeError('server_busy'));
    socket.lookups++;
    this.lookups++;
    void this.answer(socket, message.host)
      .then((answer) => answer !== undefined && socket.tell(answer))
      .finally(() => {
        socket.lookups--;
        this.lookups--;
      });
  }

  /** The client has gone, and its requests with it. */
  leave(socket: BridgeSocket): void {
    const { requests } = socket;
    socket.requests = undefined;
    for (const id of requests ?? []) this.abandon(id);
  }

  private async answer(socket: BridgeSocket, host: unknown): Promise<string | undefined> {
    try {
      const instance = await this.login.find(host);
      if (socket.readyState !== WebSocket.OPEN) return undefined;
      const { id, expiresAt } = await this.requests.open(socket, instance);
      // Nobody knows the ID yet, so nothing can have happened to the request meanwhile.
      if ((socket.readyState as number) !== WebSocket.OPEN) {
        this.abandon(id);
        return undefined;
      }
      socket.requests = (socket.requests ?? new Set()).add(id);
      this.settings.log('request_opened', { id: shown(id), instance: instance.host });
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
    this.settings.log('request_ended', { id: shown(id), outcome: 'abandoned' });
    void this.requests.abandon(id);
  }
}
