/** Which files secrets may be written into, judged by their owner, mode and kind. */

import type { Stats } from 'node:fs';
import { problemOf } from '../../lib/stores/private-file';

const file = { isFile: () => true, uid: 1000, mode: 0o100600, nlink: 1 } as Stats;

it.each<[string, Partial<Stats>, number | undefined, RegExp | undefined]>([
  ["one's own file", {}, 1000, undefined],
  ['the file of another user', { uid: 0 }, 1000, /belongs to another user \(0\)/],
  ["a user's file, to root", {}, 0, /belongs to another user \(1000\)/],
  ['a file that the group may read', { mode: 0o100640 }, 1000, /may be read or written by others/],
  ['a file that others may write', { mode: 0o100602 }, 1000, /may be read or written by others/],
  ['a file with two names', { nlink: 2 }, 1000, /has a second name/],
  ['a pipe', { isFile: () => false }, 1000, /is not a plain file/],
  ['a file on a system without owners', { uid: 0, mode: 0o100666 }, undefined, undefined],
])('%s', (_what, given, user, problem) => {
  const found = problemOf({ ...file, ...given } as Stats, user);
  if (problem) expect(found).toMatch(problem);
  else expect(found).toBeUndefined();
});
