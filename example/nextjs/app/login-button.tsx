'use client';

/** The element around the form. Without JavaScript, the form works alone. */

import { useEffect } from 'react';
import 'passport-mastodon-oauth2/button/style.css';

export function LoginButton({ children }: { children: React.ReactNode }) {
  // After hydration, since the element adds to the form.
  useEffect(() => void import('passport-mastodon-oauth2/button'), []);
  return <mastodon-login>{children}</mastodon-login>;
}
