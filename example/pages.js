// @ts-check
/** The pages of the example site: plain HTML that works without scripts. The button's script adds suggestions. */

const { loginForm, someServers } = require('passport-mastodon-oauth2/button/form');
const { html, trusted, webAddress } = require('./html.js');
const { icon } = require('./icons.js');

const SITE_NAME = 'Example Garden';

/** @param {{ title: string, main: unknown }} page @returns {string} */
function layout({ title, main }) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} – ${SITE_NAME}</title>
        <link rel="stylesheet" href="/button/mastodon-login.css" />
        <link rel="stylesheet" href="/style.css" />
        <script type="module" src="/button/mastodon-login.js"></script>
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
      </head>
      <body>
        <header class="top">
          <a class="brand" href="/">${icon('leaf')} ${SITE_NAME}</a>
        </header>
        <main>${main}</main>
        <footer>An example of passport-mastodon-oauth2.</footer>
      </body>
    </html>`.text;
}

/**
 * @param {{ error?: string | undefined, typed?: string | undefined, demoHost?: string | undefined }} page
 *   the message of the last failure, and the text that the visitor had typed
 */
function loginPage({ error, typed, demoHost }) {
  return layout({
    title: error ? 'Error: Log in' : 'Log in',
    main: html`<section class="card">
        <h1>Log in to ${SITE_NAME}</h1>
        <p class="lead">
          With the account you have, on Mastodon or any server that speaks with it. No new password.
        </p>
        ${trusted(
          loginForm({
            action: '/auth/mastodon',
            id: 'instance',
            servers: demoHost ? [demoHost, ...someServers] : someServers,
            value: typed,
            failure: error === undefined ? undefined : { message: error },
          }),
        )}
        <p class="fine">
          You confirm on your own server. This site learns your name, handle and picture; it cannot post or
          follow for you.
        </p>
        <details>
          <summary>Which one is my server?</summary>
          <p>
            It is the last part of your handle, after the second @. In the app, look under your name in your
            profile: for @you@mastodon.social it is mastodon.social.
          </p>
        </details>
      </section>
      ${demoHost && demonstration(demoHost)}`,
  });
}

/** @param {string} host */
function demonstration(host) {
  return html`<aside class="aside" aria-labelledby="demonstration">
    <h2 id="demonstration">Just trying this out?</h2>
    <p>
      A small demonstration instance runs on this machine, with made-up people. Type
      <code>${host}</code> above, or go straight there:
    </p>
    <mastodon-login>
      <form method="post" action="/auth/mastodon">
        <input type="hidden" name="instance" value="${host}" />
        <button class="mastodon-login-quiet">Log in at the demonstration</button>
      </form>
    </mastodon-login>
  </aside>`;
}

/** @param {{ user: import('./site.js').User }} page */
function accountPage({ user }) {
  const profileUrl = webAddress(user.profileUrl);
  const photo = webAddress(user.photo);
  return layout({
    title: `${user.displayName}`,
    main: html`<section class="card person">
      <p class="portrait">
        <span aria-hidden="true">${[...user.username][0]?.toUpperCase()}</span>
        ${photo && html`<img src="${photo}" alt="" width="96" height="96" referrerpolicy="no-referrer" />`}
      </p>
      <p class="eyebrow">You are logged in as</p>
      <h1><bdi>${user.displayName}</bdi></h1>
      <p class="handle">
        <bdi>@${user.handle}</bdi>
        ${
          user.handleVerified
            ? html`<span class="mark">${icon('tick')} verified</span>`
            : html`<span class="mark unproved">not verified</span>`
        }
      </p>
      <dl>
        <dt>Instance</dt>
        <dd>${user.instance.host}</dd>
        <dt>Software</dt>
        <dd>${user.instance.software ?? 'unknown'}</dd>
        <dt>Profile</dt>
        <dd>
          ${
            profileUrl
              ? html`<a href="${profileUrl}" rel="noopener noreferrer"
                  >${profileUrl.replace(/^https?:\/\//i, '')}</a
                >`
              : 'none'
          }
        </dd>
        <dt>Account key</dt>
        <dd><code>${user.id}</code></dd>
      </dl>
      <form method="post" action="/logout">
        <button class="quiet">Log out</button>
      </form>
    </section>`,
  });
}

/** @param {{ title: string, text: string }} page */
function messagePage({ title, text }) {
  return layout({
    title,
    main: html`<section class="card">
      <h1>${title}</h1>
      <p class="lead">${text}</p>
      <p><a href="/">Go to the start page</a></p>
    </section>`,
  });
}

module.exports = { SITE_NAME, accountPage, loginPage, messagePage };
