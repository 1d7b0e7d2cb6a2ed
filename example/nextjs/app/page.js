/** The form, or who is logged in. */

import { cookies } from 'next/headers';
import { failureCookie } from '../lib/failure.js';
import { currentSession } from '../lib/session.js';

export default async function Page() {
  const { user } = await currentSession();
  const failure = (await cookies()).get(failureCookie);
  return (
    <>
      <p role="alert">{failure?.value}</p>
      {user ? <p>You are logged in as @{user.handle}.</p> : <LoginForm />}
    </>
  );
}

/** A plain form: its answer leads to another site, where a server action or a `<Link>` would stay in this page. */
function LoginForm() {
  return (
    <form method="post" action="/auth/mastodon">
      <label>
        Where is your account? <input name="instance" placeholder="mastodon.social" required />
      </label>
      <button>Log in with Mastodon</button>
    </form>
  );
}
