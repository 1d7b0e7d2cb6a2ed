/** The HTML pages of a testing instance, for trying out a site in a browser. */

import { createHash } from 'node:crypto';
import { escapeForPage } from '../pages/page.js';
import { style as common } from '../pages/style.js';
import type { TestAccount } from './accounts.js';
import type { Self } from './documents.js';
import type { Question } from './records.js';
import type { Outgoing } from './server.js';

const style = `${common}
header, footer { max-width: 32rem; margin: 0 auto; padding: 1rem 1.25rem; color: var(--mastodon-login-soft); font-size: .9375rem }
main { padding-block: 1.5rem }
fieldset { margin: 0 0 1.5rem; padding: 0; border: 0 }
legend { padding: 0 0 .5rem; font-weight: 600 }
.person { display: flex; gap: .75rem; align-items: center; padding: .625rem; margin: 0 0 .5rem;
  border: 1px solid var(--mastodon-login-line); border-radius: .5rem; cursor: pointer; color: inherit; text-decoration: none }
.person img { border-radius: 50% }
.person small { color: var(--mastodon-login-soft) }
ul { margin: 0; padding: 0; list-style: none }
.buttons { display: grid; gap: .75rem }
.buttons button[value=deny] { background: none; color: inherit; border: 2px solid var(--mastodon-login-line) }
`;
const styleSource = `'sha256-${createHash('sha256').update(style).digest('base64')}'`;

function page(self: Self, status: number, title: string, main: string): Outgoing {
  const body = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeForPage(title)} – ${escapeForPage(self.title)}</title>
<style>${style}</style>
</head>
<body class="mastodon-login">
<header><strong>${escapeForPage(self.title)}</strong> – not a real server · <a href="/">${escapeForPage(self.host)}</a></header>
<main>
<h1>${escapeForPage(title)}</h1>
${main}
</main>
<footer>It runs on this machine only, with made-up people and no passwords.</footer>
</body>
</html>
`;
  // No `form-action`: Chromium applies it to all redirects after a form, and the site may redirect on.
  const csp = `default-src 'none'; style-src ${styleSource}; img-src 'self'; base-uri 'none'; frame-ancestors 'none'`;
  return {
    ...{ status, body, type: 'text/html; charset=utf-8' },
    headers: { 'Content-Security-Policy': csp },
  };
}

export function consentPage(self: Self, question: Question): Outgoing {
  const { app, redirectURI, scopes, state, challenge } = question;
  const fields = {
    response_type: 'code',
    client_id: app.clientId,
    redirect_uri: redirectURI,
    scope: scopes.join(' '),
    ...(state !== undefined && { state }),
    ...(challenge !== undefined && { code_challenge: challenge, code_challenge_method: 'S256' }),
  };
  const hidden = Object.entries(fields).map(
    ([name, value]) => `<input type="hidden" name="${name}" value="${escapeForPage(value)}">`,
  );
  const people = self.accounts.map(
    (account, index) => `<label class="person">
<input type="radio" name="account" value="${escapeForPage(account.username)}"${index === 0 ? ' checked' : ''}>
${accountLabel(self, account)}</label>`,
  );
  const { host } = new URL(redirectURI);
  const main = `<form method="post" action="/oauth/authorize">
<p>It asks to read your profile. You will go back to <b>${escapeForPage(host)}</b>.</p>
${hidden.join('\n')}
<fieldset>
<legend>Sign in as</legend>
${people.join('\n')}
</fieldset>
<p class="buttons">
<button name="answer" value="allow">Allow</button>
<button name="answer" value="deny">Deny</button>
</p>
</form>`;
  return page(self, 200, `Let ${app.name} know who you are?`, main);
}

/** A real instance, too, keeps the visitor on a page of its own here. */
export function refusalPage(self: Self, why: string): Outgoing {
  return page(
    self,
    400,
    'This request is not valid',
    `<p>This instance would not go on: ${escapeForPage(why)}.</p>`,
  );
}

export function nothingHerePage(self: Self): Outgoing {
  return page(self, 404, 'Page not found', '<p>There is nothing at this address.</p>');
}

export function homePage(self: Self): Outgoing {
  const people = self.accounts.map(
    (account) =>
      `<li><a class="person" href="/@${encodeURIComponent(account.username)}">${accountLabel(self, account)}</a></li>`,
  );
  const main = `<p>These accounts are made up. To log in with one of them, type <b>${escapeForPage(self.host)}</b> at the site.</p>
<ul>
${people.join('\n')}
</ul>`;
  return page(self, 200, 'The people here', main);
}

export function profilePage(self: Self, account: TestAccount): Outgoing {
  const main = `<p class="person">${accountLabel(self, account)}</p>\n<p>${escapeForPage(account.note)}</p>`;
  return page(self, 200, account.displayName, main);
}

function accountLabel({ host }: Self, { username, displayName }: TestAccount): string {
  const picture = `/avatars/${encodeURIComponent(username)}.svg`;
  return `<img src="${picture}" alt="" width="44" height="44">
<span><b><bdi>${escapeForPage(displayName)}</bdi></b> <small>@${escapeForPage(username)}@${escapeForPage(host)}</small></span>`;
}
