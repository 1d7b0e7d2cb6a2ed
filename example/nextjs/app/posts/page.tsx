/** The user's latest posts. */

import { Suspense } from 'react';
import { postsOf, textOf } from '@/lib/posts';
import { currentSession } from '@/lib/session';

export default function Page() {
  return (
    <Suspense fallback={<p>Loading …</p>}>
      <Posts />
    </Suspense>
  );
}

async function Posts() {
  const { account } = await currentSession();
  if (account === undefined) return <a href="/">Log in first</a>;
  const posts = await postsOf(account);
  if (posts === undefined) return <p>Your server did not send your posts.</p>;
  return (
    <ul>
      {posts.map((post) => (
        <li key={post.id}>{textOf(post)}</li>
      ))}
    </ul>
  );
}
