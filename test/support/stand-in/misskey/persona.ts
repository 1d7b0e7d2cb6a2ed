/** The differences between Misskey, its versions and related servers. */

export interface MisskeyPersona {
  readonly software: { readonly name: string; readonly version: string };
  /** OAuth with URL clients; Mastodon's OAuth behind nearly the same metadata; or none at all. */
  readonly oauth: 'by URL' | 'single-use apps' | 'absent';
  /** How a client's document is read that is JSON, or that contains no element. */
  readonly json: 'read' | 'ignored' | 'fatal';
  /** The status of every error at the token endpoint. */
  readonly refusal: 400 | 403;
}

/** Seen in a fork of this version. */
const misskey2025: MisskeyPersona = {
  software: { name: 'misskey', version: '2025.12.2' },
  oauth: 'by URL',
  json: 'ignored',
  refusal: 403,
};

export const misskeyPersonas = {
  misskey2025,
  /** The earlier reader of clients' documents. */
  misskey2025Early: {
    ...misskey2025,
    software: { name: 'misskey', version: '2025.10.2' },
    json: 'fatal',
  },
  misskey2026: {
    ...misskey2025,
    software: { name: 'misskey', version: '2026.6.0' },
    json: 'read',
    refusal: 400,
  },
  cherrypick: { ...misskey2025, software: { name: 'cherrypick', version: '4.16.1' } },
  /** Its metadata looks like Misskey's; its endpoints are Mastodon's, and an app there serves one login. */
  sharkey: {
    ...misskey2025,
    software: { name: 'sharkey', version: '2024.9.0' },
    oauth: 'single-use apps',
  },
  /** Before 2023.9: only MiAuth, in which the sender of a link gets the login. */
  miAuthOnly: { ...misskey2025, software: { name: 'misskey', version: '13.14.2' }, oauth: 'absent' },
} as const satisfies Record<string, MisskeyPersona>;

export type MisskeyPersonaName = keyof typeof misskeyPersonas;
