/** Whether a page of another site begins a login for its visitor. */

import { MastodonError } from '../errors.js';

/**
 * Another site's page could otherwise send its visitor through an instance that agrees to everything, and have them logged
 * in to its own account. Browsers tell where a request comes from (W3C Fetch Metadata); other programs say nothing.
 * @param fetchSite the request's `Sec-Fetch-Site`
 * @throws MastodonError `cross_site_start`
 */
export function assertNotCrossSite(fetchSite: string | null | undefined): void {
  if (fetchSite !== 'cross-site') return;
  throw new MastodonError('cross_site_start', {
    cause: new Error(
      "Sec-Fetch-Site is cross-site; allowCrossSiteStart lets other sites' pages begin logins",
    ),
  });
}
