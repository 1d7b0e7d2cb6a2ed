/** What this site is, for servers that register no sites: Misskey and its relatives. */

import { login } from '@/lib/login.js';

export const GET = (request) => login.clientMetadata(request);
