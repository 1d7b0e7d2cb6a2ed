/** An instance never answers token revocations, so that these requests accumulate at the site. */

import { aStage } from '../support/stage.js';
import { Visitor } from '../support/visitor.js';

it('few revocations run at one instance, however many users have logged in', async () => {
  const { instance, site } = await aStage('mastodon45', { options: { revokeToken: true } });
  let hanging = 0;
  instance.answer('POST /oauth/revoke', () => void hanging++);
  for (let n = 0; n < 12; n++) expect((await new Visitor().login(site, instance.host)).status).toBe(200);
  expect(hanging).toBe(4);
});
