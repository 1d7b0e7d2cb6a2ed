// @ts-check
/** What every answer of the site says to the browser, and which posts the site takes. */

/**
 * No script runs here but those that the site serves itself: the button's. Pictures come from the instances, and so may be anywhere on https.
 * So may the page that the login form leads to: browsers hold the redirect after a form to `form-action` too.
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
    // Not `no-referrer`: the browser would then send `Origin: null` with our own forms.
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
 * Takes forms of our own pages only. For the log-out the SameSite=Lax cookie would do: posted from another site,
 * it comes without the session. A login starts without any session, though, so another site could post that
 * form and, with a server of its own, log the visitor in as another user. Browsers say where a form was
 * posted; what says nothing is no browser, and has no visitor to be tricked.
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
