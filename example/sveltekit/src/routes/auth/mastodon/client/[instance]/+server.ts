/** The client metadata document, for servers without registration (Misskey). */

import { login } from '$lib/server/login';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = ({ request }) => login.clientMetadata(request);
