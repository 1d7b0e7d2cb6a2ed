/** The words of the button in ten languages, and the message for each error code in them. */

import { ErrorCode, isReason, MastodonError, type MastodonErrorCode } from '../errors.js';
import type { Language } from './language.js';
import { ar } from './languages/ar.js';
import { de } from './languages/de.js';
import { en } from './languages/en.js';
import { es } from './languages/es.js';
import { fr } from './languages/fr.js';
import { it } from './languages/it.js';
import { ja } from './languages/ja.js';
import { nl } from './languages/nl.js';
import { pt } from './languages/pt.js';
import { zh } from './languages/zh.js';

const languages = { ar, de, en, es, fr, it, ja, nl, pt, zh } as const satisfies Record<string, Language>;

/** The first part of a language tag: `de`, `pt`, …. */
export type LanguageCode = keyof typeof languages;

/** The languages of the form and the messages. */
export const languageCodes: readonly LanguageCode[] = Object.keys(languages) as LanguageCode[];

/** @param tag a language tag such as `pt-BR`; an unknown or absent one means English */
export function languageCodeOf(tag: string | null | undefined): LanguageCode {
  const code = tag?.toLowerCase().split(/[-_]/u, 1)[0] ?? '';
  return Object.hasOwn(languages, code) ? (code as LanguageCode) : 'en';
}

export function languageOf(tag: string | null | undefined): Language {
  return languages[languageCodeOf(tag)];
}

/** Replaces `%s`. In text from right to left, isolating characters keep a Latin host name in one piece. */
export function textWithHost(text: string, host: string | undefined, { direction }: Language): string {
  if (host === undefined) return text.replace(/ ?%s/u, '');
  return text.replace('%s', () => (direction === 'rtl' ? `\u2068${host}\u2069` : host));
}

/** The failure that a message is about, and the language. */
export interface MessageOptions {
  /** A language tag such as `de` or `pt-BR`. Default: English. */
  readonly lang?: string | undefined;
  /**
   * Host of the instance concerned: the failure's `instance`. It may come from the address of a page: a text that is not a
   * host is left out of the message.
   */
  readonly instance?: string | undefined;
  /** The failure's `reason`: some reasons have a message of their own. */
  readonly reason?: string | undefined;
}

/** A host in ASCII, as failures name it. The message does not repeat other text that a link puts into the page's query. */
const hostLike = /^[!-.0-;=?-~]{1,260}$/;

/** Codes that have the message of another code in every language but English. */
const sameText: { readonly [Code in MastodonErrorCode]?: MastodonErrorCode } = {
  prefetch_refused: 'cross_site_start',
  response_too_large: 'response_invalid',
};

/**
 * The message for a visitor whose login failed, in the visitor's language.
 * @param code the `code` of a `MastodonError`
 * @returns undefined for a code that this version does not know
 */
export function messageFor(
  code: string,
  { lang, instance: named, reason }: MessageOptions = {},
): string | undefined {
  if (!Object.hasOwn(ErrorCode, code)) return undefined;
  const instance = named !== undefined && hostLike.test(named) ? named : undefined;
  const known = code as MastodonErrorCode;
  const language = languageOf(lang);
  const why = isReason(reason) ? reason : undefined;
  const translated = (why && language.reasons[why]) ?? language.messages[sameText[known] ?? known];
  if (translated === undefined) return new MastodonError(known, { instance, reason: why }).message;
  return textWithHost(translated, instance, language);
}
