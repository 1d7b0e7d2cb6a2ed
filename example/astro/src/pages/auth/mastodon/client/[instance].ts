/** The client metadata document, for servers without registration (Misskey). */

import type { APIRoute } from 'astro';
import { login } from '../../../../login';

export const GET: APIRoute = ({ request }) => login.clientMetadata(request);
