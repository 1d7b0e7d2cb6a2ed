/** Whether a page of another site begins a login for its visitor. */

import { MastodonError } from '../errors.js';

/**
 * Another site's page could otherwise send its visitor through an instance that agrees to everything, and have them logged
 * in to its own account. Browsers tell where a request comes from (W3C Fetch Metadata); other programs say nothing.
 * @param fetchSite the request's `Sec-Fetch-Site`
 * @returns the refusal, where there is one
 */
export function crossSiteStart(fetchSite: unknown): MastodonError | undefined {
  if (fetchSite !== 'cross-site') return undefined;
  return new MastodonError('cross_site_start', {
    cause: new Error('Sec-Fetch-Site is cross-site; with allowCrossSiteStart other sites may begin logins'),
  });
}
