/** Whether another site's page begins a login for its visitor. */

import { crossSiteStart } from '../../lib/login/cross-site.js';

it('is refused where a browser says so', () => {
  expect(crossSiteStart('cross-site')).toMatchObject({ code: 'cross_site_start', status: 403 });
});

it('tells the operator by which option other sites may', () => {
  expect(crossSiteStart('cross-site')?.cause).toMatchObject({
    message: expect.stringContaining('allowCrossSiteStart') as unknown,
  });
});

it.each(['same-origin', 'same-site', 'none', undefined, '', ['cross-site']])('%j is not', (fetchSite) => {
  expect(crossSiteStart(fetchSite)).toBeUndefined();
});
