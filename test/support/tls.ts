/** A certificate authority for tests: valid certificates, and each kind of invalid one. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newKey, openssl, signItself, type Certificate } from './certificate.js';

export interface Authority {
  /** PEM of the authority itself, for the option `outbound.ca`. */
  readonly ca: string;
  /** A certificate for these names, valid for `days` from now; a negative number makes an expired one. */
  issue(names: readonly string[], days?: number): Certificate;
  /** The same from an intermediate authority, whose own certificate is not sent along. */
  issueWithoutIntermediate(names: readonly string[]): Certificate;
  /** Deletes its files. */
  close(): void;
}

/** Needs the openssl command. */
export function startAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'authority-'));
  const file = (name: string) => join(folder, name);
  const { cert: ca } = signItself(folder, 'ca', 'A test authority');
  const sign = (signer: string, out: string, extensions: string, days: number) => {
    writeFileSync(file('extensions'), extensions);
    const subject = ['-subj', `/CN=${out}`];
    openssl('req', ...newKey, '-keyout', file(`${out}.key`), '-out', file('request'), ...subject);
    const by = ['-CA', file(`${signer}.pem`), '-CAkey', file(`${signer}.key`), '-CAcreateserial'];
    const validity = ['-days', String(days), '-extfile', file('extensions')];
    openssl('x509', '-req', '-in', file('request'), ...by, ...validity, '-out', file(`${out}.pem`));
    return { key: readFileSync(file(`${out}.key`), 'utf8'), cert: readFileSync(file(`${out}.pem`), 'utf8') };
  };
  const namesOf = (names: readonly string[]) =>
    `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`;
  return {
    ca,
    issue: (names, days = 1) => sign('ca', 'stand-in', namesOf(names), days),
    issueWithoutIntermediate(names) {
      sign('ca', 'intermediate', 'basicConstraints=critical,CA:TRUE', 1);
      return sign('intermediate', 'stand-in', namesOf(names), 1);
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}
