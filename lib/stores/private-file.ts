/** Makes sure that a file is this user's own and nobody else's to read, before secrets are written into it. */

import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';

/**
 * Makes the file where it is missing. One that is there may have been put there by somebody else, in a folder where
 * others may write: it is judged by what was opened, not by its name, which may mean another file a moment later.
 * @throws Error with `code` `UNSAFE_FILE`, which says what is wrong with the file, or what the file system says
 */
export function makePrivateFile(path: string): void {
  const descriptor = openItself(path);
  try {
    const problem = problemOf(fstatSync(descriptor), process.getuid?.());
    if (problem !== undefined) throw unsafe(path, problem);
  } finally {
    closeSync(descriptor);
  }
}

/** @param user `undefined` where the system has no such owners and modes */
export function problemOf(file: Stats, user: number | undefined): string | undefined {
  if (!file.isFile()) return 'is not a plain file';
  if (user === undefined) return undefined;
  if (file.uid !== user)
    return `belongs to another user (${file.uid}); give it to the one that runs this (${user})`;
  if ((file.mode & 0o077) !== 0) return 'may be read or written by others; run chmod 600 on it';
  if (file.nlink !== 1) return 'has a second name in the file system; copy it to a file of its own';
  return undefined;
}

function openItself(path: string): number {
  // Not blocking: opening a pipe would wait for its other end.
  const { O_RDWR, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    throw unsafe(path, 'is a symbolic link; name the file that it leads to');
  }
}

function unsafe(path: string, problem: string): Error {
  return Object.assign(new Error(`${path} ${problem}`), { code: 'UNSAFE_FILE' });
}
