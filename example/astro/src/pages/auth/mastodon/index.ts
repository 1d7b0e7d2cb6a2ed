/** The form was sent: redirects to the visitor's instance. */

import type { APIRoute } from 'astro';
import { failureRedirect } from 'passport-mastodon-oauth2/web';
import { login } from '../../../login';

export const POST: APIRoute = async ({ request }) => {
  try {
    const form = await request.formData();
    const state = { from: form.get('from')?.toString() ?? '' };
    return await login.begin(request, { instance: form.get('instance'), state });
  } catch (error) {
    return failureRedirect(error, '/');
  }
};
