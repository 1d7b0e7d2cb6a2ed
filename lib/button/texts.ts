/** The words of the button in ten languages, and what each error code says in them. */

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

/** `de`, `pt`, …: the first part of a language tag. */
export type LanguageCode = keyof typeof languages;

/** Those in which the form and the messages are. */
export const languageCodes: readonly LanguageCode[] = Object.keys(languages) as LanguageCode[];

/** @param tag a language tag such as `pt-BR`; what is unknown or absent means English */
export function codeOf(tag: string | null | undefined): LanguageCode {
  const code = tag?.toLowerCase().split(/[-_]/u, 1)[0] ?? '';
  return Object.hasOwn(languages, code) ? (code as LanguageCode) : 'en';
}

export function languageOf(tag: string | null | undefined): Language {
  return languages[codeOf(tag)];
}

/** `%s` replaced; between marks that keep a Latin host name in one piece where text runs from the right. */
export function withHost(text: string, host: string | undefined, { direction }: Language): string {
  if (host === undefined) return text.replace(/ ?%s/u, '');
  return text.replace('%s', () => (direction === 'rtl' ? `\u2068${host}\u2069` : host));
}

/** What the message speaks of. */
export interface MessageOptions {
  /** A language tag such as `de` or `pt-BR`. Default: English. */
  readonly lang?: string | undefined;
  /** Host of the instance concerned, as the failure names it. */
  readonly instance?: string | undefined;
  /** Why, as the failure names it: English then says more than what goes for the whole code. */
  readonly reason?: string | undefined;
}

/**
 * What a failure's code tells the person logging in, in their language.
 * @returns undefined for a code that this version does not know
 */
export function messageFor(
  code: string,
  { lang, instance, reason }: MessageOptions = {},
): string | undefined {
  if (!Object.hasOwn(ErrorCode, code)) return undefined;
  const known = code as MastodonErrorCode;
  const language = languageOf(lang);
  const translated = language.messages[known];
  if (translated === undefined) {
    return new MastodonError(known, { instance, reason: isReason(reason) ? reason : undefined }).message;
  }
  return withHost(translated, instance, language);
}
