/** What is told from a status alone. */

import { isSuccess, isUnavailable } from '../../lib/http/status.js';

it.each([
  [200, true, false],
  [201, true, false],
  [299, true, false],
  [199, false, false],
  [300, false, false],
  [400, false, false],
  [429, false, true],
  [500, false, false],
  [501, false, false],
  [502, false, true],
  [503, false, true],
])('%s is a success: %s, and no judgement, as nobody was there to give one: %s', (status, success, away) => {
  expect(isSuccess(status)).toBe(success);
  expect(isUnavailable(status)).toBe(away);
});
