/** Recognises the page by which a protection in front of a server asks whether a human is there. */

import type { Answer } from './network.js';

/** In front of such a page, nothing that an answer says is the server's own word. */
export function isChallenge({ status, headers, contentType, text }: Answer): boolean {
  // Cloudflare; AWS WAF.
  if (headers['cf-mitigated'] !== undefined) return true;
  if (/challenge|captcha/i.test(String(headers['x-amzn-waf-action']))) return true;
  if (!/html/i.test(contentType)) return false;
  return [401, 403, 405, 429, 503].includes(status) ? marks.test(text) : anubis.test(text);
}

/** The same where an API was asked that refuses in JSON: there a page comes from what stands in front of it. */
export function isFromInFront(answer: Answer): boolean {
  return isChallenge(answer) || (answer.status === 403 && /html/i.test(answer.contentType));
}

/** By default its page is one that was found; sites may set another status. */
const anubis = /\bid="anubis_challenge"/;

const marks = /challenge-platform|_cf_chl|captcha|ddos-guard|sucuri|are you (?:a )?human|not a robot|anubis/i;
