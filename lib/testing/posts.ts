/** The posts of a testing instance's accounts: those it starts with, and those that a site adds with a token. */

import { escapeForPage } from '../pages/page.js';
import type { TestAccount } from './accounts.js';
import { credentials, type Self } from './documents.js';

/** Posts that one account keeps; older ones are dropped. */
const maxPosts = 100;
/** As at Mastodon. */
const maxLimit = 40;

export class Posts {
  private readonly byAccount = new Map<string, object[]>();
  private lastId = 0;

  constructor(private readonly self: Self) {
    for (const account of self.accounts) {
      for (const text of [...account.posts].reverse()) this.add(account, text, 'public');
    }
  }

  /** Adds a post. @returns Mastodon's Status entity */
  add(account: TestAccount, text: string, visibility: string): object {
    const id = String(++this.lastId);
    const url = `${this.self.origin}/@${encodeURIComponent(account.username)}/${id}`;
    const status = {
      ...{ id, uri: url, url, visibility },
      created_at: new Date().toISOString(),
      content: `<p>${escapeForPage(text)}</p>`,
      account: credentials(this.self, account),
      ...{ spoiler_text: '', sensitive: false, language: 'en', in_reply_to_id: null, reblog: null },
      ...{ replies_count: 0, reblogs_count: 0, favourites_count: 0 },
      ...{ media_attachments: [], mentions: [], tags: [], emojis: [] },
    };
    this.byAccount.set(account.id, [status, ...this.listOf(account)].slice(0, maxPosts));
    return status;
  }

  of(account: TestAccount, limit: number): object[] {
    return this.listOf(account).slice(0, Math.min(Math.max(Math.trunc(limit) || 1, 1), maxLimit));
  }

  private listOf({ id }: TestAccount): object[] {
    return this.byAccount.get(id) ?? [];
  }
}
