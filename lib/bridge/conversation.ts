/** What a client's message leads to: a request, or why there is none. */

import { WebSocket } from 'ws';
import { MastodonError } from '../errors.js';
import type { MastodonLogin } from '../login/login.js';
import type { BridgeHints } from './hints.js';
import { bridgeError, invalidHost, loginError, readMessage, setId } from './messages.js';
import type { BridgeSettings } from './options.js';
import { Places, type Place } from './places.js';
import { codeFor } from './request-secrets.js';
import { shown, type Requests } from './requests.js';
import type { BridgeSocket } from './socket.js';

export class Conversation {
  private readonly places: Places<BridgeSocket>;

  constructor(
    private readonly settings: BridgeSettings,
    private readonly login: MastodonLogin,
    private readonly requests: Requests,
    private readonly hints: BridgeHints,
  ) {
    const { pendingInAll, pendingPerAddress } = settings.limits;
    this.places = new Places(pendingInAll, pendingPerAddress, (place) => this.giveWay(place));
  }

  hear(socket: BridgeSocket, text: string): void {
    const message = readMessage(text);
    if (!message) return socket.reject('message_invalid', 1008);
    if ((socket.places?.size ?? 0) >= this.settings.limits.requestsPerSocket) {
      return socket.tell(bridgeError('too_many_requests'));
    }
    const place = this.places.take(socket);
    if (!place) return socket.tell(bridgeError('server_busy'));
    socket.places = (socket.places ?? new Set()).add(place);
    void this.answer(place, message.host).then((answer) => {
      if (place.id === undefined) this.free(place);
      if (answer !== undefined) socket.tell(answer);
    });
  }

  /** A request of the client's was answered. */
  ended(socket: BridgeSocket, id: string): void {
    for (const place of socket.places ?? []) if (place.id === id) this.free(place);
  }

  /** The client has gone, and its requests with it. Hosts still being looked up keep their places until they are found. */
  leave(socket: BridgeSocket): void {
    for (const place of socket.places ?? []) {
      if (place.id === undefined) continue;
      this.free(place);
      this.abandon(place.id);
    }
  }

  private async answer(place: Place<BridgeSocket>, host: unknown): Promise<string | undefined> {
    const { socket } = place;
    const isOver = () => place.isLost || socket.readyState !== WebSocket.OPEN;
    try {
      const instance = await this.login.find(host);
      if (isOver()) return undefined;
      const { id, expiresAt } = await this.requests.open(socket, instance);
      // Nobody knows the ID yet, so nothing can have happened to the request meanwhile.
      if (isOver()) {
        this.abandon(id);
        return undefined;
      }
      place.id = id;
      this.hints.requested();
      this.settings.log('request_opened', { id: shown(id), instance: instance.host });
      return setId({
        id,
        url: `${this.settings.publicURL}/auth/${id}`,
        code: codeFor(id),
        expires: expiresAt,
      });
    } catch (error) {
      this.hints.refused(error);
      return this.refusal(error);
    }
  }

  private giveWay(place: Place<BridgeSocket>): void {
    const { socket, id } = place;
    socket.places?.delete(place);
    if (id !== undefined) this.abandon(id);
    socket.tell(bridgeError('server_busy'));
  }

  private free(place: Place<BridgeSocket>): void {
    place.socket.places?.delete(place);
    this.places.free(place);
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
