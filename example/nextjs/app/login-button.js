'use client';

/** The button around the form: suggestions, the last server, what happens meanwhile. Without JavaScript, the form alone. */

import { useEffect } from 'react';
import 'passport-mastodon-oauth2/button/style.css';

export function LoginButton({ message, children }) {
  // After hydration: the element adds to the form, and React would miss what it does not know.
  useEffect(() => void import('passport-mastodon-oauth2/button'), []);
  return <mastodon-login message={message}>{children}</mastodon-login>;
}
