/** The form, or who is logged in. */

import { cookies } from 'next/headers';
import { failureCookie } from '@/lib/failure.js';
import { currentSession } from '@/lib/session.js';
import { LoginButton } from './login-button.js';

export default async function Page({ searchParams }) {
  const { user } = await currentSession();
  const failure = (await cookies()).get(failureCookie)?.value;
  const { from = '' } = await searchParams;
  return user ? (
    <Welcome user={user} failure={failure} />
  ) : (
    <LoginForm failure={failure} from={String(from)} />
  );
}

/**
 * A plain form: its answer leads to another site, where a server action or a `<Link>` would stay in this page. `from` is
 * where the visitor was before: it goes along as `state`, and comes back.
 */
function LoginForm({ failure, from }) {
  return (
    <LoginButton message={failure}>
      <form method="post" action="/auth/mastodon">
        <input type="hidden" name="from" value={from} />
        <label htmlFor="instance">Your server or handle</label>
        <input id="instance" name="instance" required />
        {failure && (
          <p className="mastodon-login-error" role="alert" id="instance-error">
            {failure}
          </p>
        )}
        <button>Log in with Mastodon</button>
      </form>
    </LoginButton>
  );
}

function Welcome({ user, failure }) {
  return (
    <>
      <p role="alert">{failure}</p>
      <p>{`You are logged in as @${user.handle}.`}</p>
      <form method="post" action="/logout">
        <button>Log out</button>
      </form>
    </>
  );
}
