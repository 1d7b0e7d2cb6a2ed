/** The service's log: one line of JSON for each event, without a secret. */

import { MastodonError } from '../../lib/errors.js';
import { errorKind } from '../../lib/events.js';
import { createLog } from '../../lib/service/log.js';

function logged(event: string, fields?: Record<string, unknown>): string {
  const lines: string[] = [];
  createLog(
    (line) => lines.push(line),
    () => new Date(0),
  )(event, fields);
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain('\n');
  return lines[0]!;
}

it('writes one line with time, event and fields', () => {
  expect(JSON.parse(logged('listening', { address: '127.0.0.1:80', sockets: 3, tls: false }))).toEqual({
    time: '1970-01-01T00:00:00.000Z',
    event: 'listening',
    address: '127.0.0.1:80',
    sockets: 3,
    tls: false,
  });
});

it('leaves out secrets, and shortens request IDs and long text', () => {
  const line = logged('requested', {
    id: 'abcdefghijklmnop',
    requestId: 'abcdefghijklmnop',
    accessToken: 'sesame',
    client_secret: 'sesame',
    cookie: 'sesame',
    nested: { token: 'sesame' },
    nothing: undefined,
    instance: `a\nb${'x'.repeat(1_000)}`,
  });
  expect(line).not.toMatch(/sesame|abcdefg/);
  expect(JSON.parse(line)).toMatchObject({ id: 'abcdef', requestId: 'abcdef' });
  expect(line.length).toBeLessThan(500);
});

it('names the kind of an error, and does not quote it', () => {
  const cause = Object.assign(new Error('sesame'), { code: 'ECONNREFUSED' });
  const error = new TypeError('sesame', { cause });
  expect(errorKind(error)).toBe('TypeError: Error ECONNREFUSED');
  expect(JSON.parse(logged('failed', { error }))).toMatchObject({ error: 'TypeError: Error ECONNREFUSED' });
  const failed = new MastodonError('store_failed', { cause: new Error('the store failed: SocketClosed') });
  expect(errorKind(failed)).toBe('MastodonError store_failed: the store failed: SocketClosed');
});
