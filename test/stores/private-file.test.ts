/** Which files and folders secrets may be written to, by their owner, mode and kind. */

import type { Stats } from 'node:fs';
import { fileProblem, folderProblem } from '../../lib/stores/private-file';

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
  const found = fileProblem({ ...file, ...given } as Stats, user);
  if (problem) expect(found).toMatch(problem);
  else expect(found).toBeUndefined();
});

const folder = { uid: 1000, gid: 1000, mode: 0o40755 } as Stats;

it.each<[string, Partial<Stats>, number, RegExp | undefined]>([
  ["one's own folder", {}, 1000, undefined],
  ['a folder of root', { uid: 0 }, 1000, undefined],
  ['the folder of another user', { uid: 1001 }, 1000, /belongs to another user \(1001\)/],
  ["a user's folder, to root", {}, 0, /belongs to another user \(1000\)/],
  ["a folder of the user's own group", { mode: 0o40775 }, 1000, undefined],
  ['a folder that another group may write', { mode: 0o40775, gid: 50 }, 1000, /may be written by others/],
  ['a folder that all may write', { mode: 0o40777 }, 1000, /may be written by others/],
  ['a folder that all may write, and replace their own files in', { mode: 0o41777 }, 1000, undefined],
])('%s', (_what, given, user, problem) => {
  const found = folderProblem({ ...folder, ...given } as Stats, user);
  if (problem) expect(found).toMatch(problem);
  else expect(found).toBeUndefined();
});
