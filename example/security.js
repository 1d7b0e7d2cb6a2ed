// @ts-check
/** The security headers of every response, and the check that a form comes from this site. */

/**
 * Allows only scripts that the site itself serves: the button's. Pictures come from the instances, so any https URL is
 * allowed. The same holds for `form-action`, which browsers also apply to the redirect after the login form.
 * @param {{ baseURL: URL, demoOrigin?: string | undefined }} options
 * @returns {import('express').RequestHandler}
 */
function securityHeaders({ baseURL, demoOrigin = '' }) {
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
    `img-src 'self' https: ${demoOrigin}`,
    `form-action 'self' https: ${demoOrigin}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  const headers = {
    'Content-Security-Policy': policy.map((rule) => rule.trim()).join('; '),
    'X-Content-Type-Options': 'nosniff',
    // Not `no-referrer`: the browser would then send `Origin: null` with this site's forms.
    'Referrer-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
    'Cache-Control': 'no-store',
    ...(baseURL.protocol === 'https:' && { 'Strict-Transport-Security': 'max-age=31536000' }),
  };
  return (_req, res, next) => {
    res.set(headers);
    next();
  };
}

/**
 * Accepts forms of this site's pages only. The log-out needs no such check: with SameSite=Lax, a form on another site
 * sends no session cookie. A login needs no session, so another site could submit that form and, with a server of its
 * own, log the visitor in as another user. Browsers say which site submitted a form. A client that does not say so is
 * not a browser, so it has no visitor to deceive.
 * @param {{ baseURL: URL }} options
 * @returns {import('express').RequestHandler}
 */
function ownFormsOnly({ baseURL }) {
  return (req, _res, next) => {
    const site = req.get('sec-fetch-site');
    const origin = req.get('origin');
    const isOwn = site ? site === 'same-origin' : !origin || origin === baseURL.origin;
    if (req.method === 'GET' || req.method === 'HEAD' || isOwn) return next();
    next(Object.assign(new Error('a form posted from another site'), { status: 403 }));
  };
}

module.exports = { ownFormsOnly, securityHeaders };
