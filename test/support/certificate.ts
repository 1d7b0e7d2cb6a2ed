/** A self-signed certificate for https stand-ins, which clients have to trust. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}

export const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes `NAME.key` and `NAME.pem` in the folder: a certificate that signs itself, valid for a day. */
export function signItself(folder: string, name: string, subject: string, ...more: string[]): Certificate {
  const [keyFile, certFile] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const files = ['-keyout', keyFile, '-out', certFile];
  openssl('req', '-x509', ...newKey, '-days', '1', ...files, '-subj', `/CN=${subject}`, ...more);
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
}

/** Valid for a day for these names, and for 127.0.0.1. Needs the openssl command. */
export function selfSigned(names: readonly string[] = ['localhost']): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'stand-in-'));
  const alternatives = [...names.map((name) => `DNS:${name}`), 'IP:127.0.0.1'].join(',');
  try {
    return signItself(folder, 'own', 'stand-in', '-addext', `subjectAltName=${alternatives}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
