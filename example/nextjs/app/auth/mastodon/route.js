/** The form was sent: on to the visitor's instance. */

import { backToForm } from '@/lib/failure.js';
import { login } from '@/lib/login.js';

export async function POST(request) {
  try {
    const form = await request.formData();
    return await login.begin(request, {
      instance: form.get('instance'),
      state: { from: form.get('from') ?? '' },
    });
  } catch (error) {
    return backToForm(error);
  }
}
