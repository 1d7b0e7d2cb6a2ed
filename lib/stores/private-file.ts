/** Opens folders and files for secrets, and checks that no other user can read, change or replace them. */

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** A file that was checked. */
export interface PrivateFile {
  /** The path of the opened file, for libraries that open files by name. */
  readonly path: string;
  /** Ends the validity of `path`. */
  close(): void;
}

/**
 * Opens the folder of a file, and returns a path through that open folder. No other user may replace files in the folder, so
 * a library that opens the path later opens the file that was checked. (Only Linux has such paths. Elsewhere the path is
 * the given one, which another user can lead elsewhere if one of the folders above is writable.)
 * @throws Error with `code` `UNSAFE_FILE`, which says what is wrong, or what the file system says
 */
export function openPrivateFolder(path: string): PrivateFile {
  const user = process.getuid?.();
  // Windows opens no folders, and has other permissions.
  if (user === undefined) return { path, close: () => undefined };
  const folder = dirname(path);
  const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  let isOpen = true;
  // Once only: by then the number may belong to another file or connection of the process.
  const close = () => {
    if (isOpen) closeSync(descriptor);
    isOpen = false;
  };
  try {
    const problem = folderProblem(fstatSync(descriptor), user);
    if (problem !== undefined)
      throw unsafe(folder, `${problem}, or name a file in a folder of its own, which is then made`);
    // A user with write access to a folder above can put another folder in the place of this one.
    for (const above of [...foldersAbove(resolve(folder)), ...foldersAbove(realpathSync(folder))])
      if ((statSync(above).mode & 0o1002) === 0o0002)
        throw unsafe(
          above,
          'may be written by all users; run chmod o-w on it, or choose another place for the file',
        );
  } catch (error) {
    close();
    throw error;
  }
  const opened = `/proc/self/fd/${descriptor}`;
  return { path: existsSync(opened) ? join(opened, basename(path)) : path, close };
}

/**
 * Opens a file, or makes it, and checks what was opened.
 * @param path below an open folder
 * @param name of the same file, for messages
 * @returns the first bytes of the file, and its size
 * @throws Error with `code` `UNSAFE_FILE`, which says what is wrong with the file, or what the file system says
 */
export function checkPrivateFile(
  path: string,
  name: string,
  bytes = 0,
): { readonly start: Buffer; readonly size: number } {
  const descriptor = openItself(path, name);
  try {
    const problem = fileProblem(fstatSync(descriptor), process.getuid?.());
    if (problem !== undefined) throw unsafe(name, problem);
    const start = Buffer.alloc(bytes);
    const length = readSync(descriptor, start, 0, bytes, 0);
    // Another process may write meanwhile, so the length is taken after the bytes were read.
    return { start: start.subarray(0, length), size: fstatSync(descriptor).size };
  } finally {
    closeSync(descriptor);
  }
}

function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [above, ...foldersAbove(above)];
}

/** @param user that runs this process */
export function folderProblem({ uid, gid, mode }: Stats, user: number): string | undefined {
  if (uid !== user && uid !== 0)
    return `belongs to another user (${uid}); give it to the one that runs this (${user})`;
  // In a sticky folder, such as /tmp, files are replaced by their owners alone.
  if ((mode & 0o1000) !== 0) return undefined;
  // By convention, a group with the number of a user has no other member; its folders are often made with mode 775.
  const byGroup = (mode & 0o020) !== 0 && gid !== user;
  if (byGroup || (mode & 0o002) !== 0) return 'may be written by others; run chmod go-w on it';
  return undefined;
}

/** @param user `undefined` where the system has no such owners and modes */
export function fileProblem(file: Stats, user: number | undefined): string | undefined {
  if (!file.isFile()) return 'is not a plain file';
  if (user === undefined) return undefined;
  if (file.uid !== user)
    return `belongs to another user (${file.uid}); give it to the one that runs this (${user})`;
  if ((file.mode & 0o077) !== 0) return 'may be read or written by others; run chmod 600 on it';
  if (file.nlink !== 1) return 'has a second name in the file system; copy it to a file of its own';
  return undefined;
}

function openItself(path: string, name: string): number {
  // O_NONBLOCK, because opening a pipe would otherwise wait for its other end.
  const { O_RDWR, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw error;
    throw unsafe(name, 'is a symbolic link; name the file that it leads to');
  }
}

function unsafe(path: string, problem: string): Error {
  return Object.assign(new Error(`${path} ${problem}`), { code: 'UNSAFE_FILE' });
}
