/** The login form, or the user who is logged in. */

import { Suspense } from 'react';
import { messageFor } from 'passport-mastodon-oauth2/button/form';
import { currentSession, type User } from '@/lib/session';
import { LoginButton } from './login-button';

type Query = Record<string, string | string[] | undefined>;

export default function Page({ searchParams }: { searchParams: Promise<Query> }) {
  return (
    <Suspense fallback={<p>Loading …</p>}>
      <Home searchParams={searchParams} />
    </Suspense>
  );
}

async function Home({ searchParams }: { searchParams: Promise<Query> }) {
  const { user } = await currentSession();
  const { error, instance, reason, from } = await searchParams;
  // failureRedirect named the failure in the address.
  const failure = messageFor(String(error), { instance: instance?.toString(), reason: reason?.toString() });
  return user ? (
    <Welcome user={user} failure={failure} />
  ) : (
    <LoginForm failure={failure} from={from?.toString() ?? ''} />
  );
}

/** A plain form: a server action or a `<Link>` cannot redirect to another site with the login's cookie. */
function LoginForm({ failure, from }: { failure: string | undefined; from: string }) {
  return (
    <LoginButton>
      <form method="post" action="/auth/mastodon">
        <input type="hidden" name="from" value={from} />
        <label htmlFor="instance">Your server or handle</label>
        <input id="instance" name="instance" required autoCapitalize="none" />
        {failure && (
          <p className="mastodon-login-error" role="alert" id="instance-error">
            {failure}
          </p>
        )}
        <button>
          <span className="mastodon-login-label">Log in with Mastodon</span>
        </button>
      </form>
    </LoginButton>
  );
}

function Welcome({ user, failure }: { user: User; failure: string | undefined }) {
  return (
    <>
      {failure && <p role="alert">{failure}</p>}
      {user.picture && <img src={user.picture} alt="" width={48} height={48} referrerPolicy="no-referrer" />}
      <p>{`You are logged in as @${user.handle}.`}</p>
      <form method="post" action="/logout">
        <button>Log out</button>
      </form>
      <p>
        <a href="/posts">Your latest posts</a>
      </p>
    </>
  );
}
