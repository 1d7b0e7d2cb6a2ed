/** Recognises the page by which a protection in front of a server asks whether a human is there. */

import type { Answer } from './network.js';

/** In front of such a page, nothing that an answer says is the server's own word. */
export function isChallenge({ status, headers, contentType, text }: Answer): boolean {
  // Cloudflare; AWS WAF.
  if (headers['cf-mitigated'] !== undefined) return true;
  if (/^(challenge|captcha)$/i.test(String(headers['x-amzn-waf-action'] ?? ''))) return true;
  return [401, 403, 405, 429, 503].includes(status) && /html/i.test(contentType) && marks.test(text);
}

const marks = /challenge-platform|_cf_chl|captcha|ddos-guard|sucuri|are you (?:a )?human|not a robot|anubis/i;
