/** The client metadata document, for servers without registration (Misskey). */

import { login } from '@/lib/login';

export const GET = (request: Request): Promise<Response> => login.clientMetadata(request);
