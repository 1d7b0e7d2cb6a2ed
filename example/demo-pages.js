// @ts-check
/** The pages of the demonstration instance. Each one says what it is. */

const { html } = require('./html.js');
const { icon } = require('./icons.js');

/** @typedef {import('./demo-accounts.js').Account} Account */

/**
 * Browsers hold the redirect after a form to `form-action` too, so the site that asked has to be named in it.
 * @param {string} [site]
 */
function contentSecurityPolicy(site) {
  return (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; " +
    `form-action 'self' ${site ?? ''}`.trim()
  );
}

/** @param {{ origin: string, title: string, main: unknown }} page @returns {string} */
function layout({ origin, title, main }) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} – Demonstration instance</title>
        <link rel="stylesheet" href="/style.css" />
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
      </head>
      <body class="demo">
        <header>
          <p class="banner"><strong>Demonstration instance</strong> – not a real server</p>
          <p class="top">
            <a class="brand" href="/">${icon('planet')} ${new URL(origin).host}</a>
          </p>
        </header>
        <main>${main}</main>
        <footer>It runs on this machine only, with made-up people and no passwords.</footer>
      </body>
    </html>`.text;
}

/**
 * @param {{ origin: string, accounts: Account[], app: import('./demo-oauth.js').App, clientId: string,
 *   redirectUri: string, scope: string, state: string, challenge: string }} question
 */
function consent({ origin, accounts, app, clientId, redirectUri, scope, state, challenge }) {
  const fields = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    scope,
    state,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  };
  const { host } = new URL(origin);
  return layout({
    origin,
    title: `Let ${app.name} know who you are?`,
    main: html`<form class="card" method="post" action="/oauth/authorize">
      <h1>Let <bdi>${app.name}</bdi> know who you are?</h1>
      <p class="lead">
        It asks to read your profile. You will go back to <b>${new URL(redirectUri).host}</b>.
      </p>
      ${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
      <fieldset>
        <legend>Sign in as</legend>
        ${accounts.map(
          ({ username, displayName }, i) =>
            html`<label class="choice">
              <input type="radio" name="account" value="${username}" ${i === 0 && html`checked`} />
              <img src="/avatars/${username}.svg" alt="" width="44" height="44" />
              <span class="who"
                ><b><bdi>${displayName}</bdi></b> <small>@${username}@${host}</small></span
              >
            </label>`,
        )}
      </fieldset>
      <div class="buttons">
        <button name="answer" value="allow">Allow</button>
        <button class="quiet" name="answer" value="deny">Deny</button>
      </div>
    </form>`,
  });
}

/** A real instance, too, shows its own page here and sends nobody back. @param {string} origin */
function refusal(origin) {
  return message(
    origin,
    'This request is not valid',
    'The application is unknown here, or it asks for something it may not have. Go back to it and log in again.',
  );
}

/** @param {string} origin */
function notFound(origin) {
  return message(origin, 'Page not found', 'There is nothing at this address.');
}

/** @param {string} origin @param {string} title @param {string} text */
function message(origin, title, text) {
  return layout({
    origin,
    title,
    main: html`<section class="card">
      <h1>${title}</h1>
      <p class="lead">${text}</p>
    </section>`,
  });
}

/** @param {{ origin: string, accounts: Account[] }} page */
function home({ origin, accounts }) {
  const { host } = new URL(origin);
  return layout({
    origin,
    title: 'About',
    main: html`<section class="card">
      <h1>The people here</h1>
      <p class="lead">
        Nobody here exists. To log in as one of them, type <code>${host}</code> on the example site.
      </p>
      <ul class="people">
        ${accounts.map(
          ({ username, displayName }) =>
            html`<li>
              <a class="choice" href="/@${username}">
                <img src="/avatars/${username}.svg" alt="" width="44" height="44" />
                <span class="who"
                  ><b><bdi>${displayName}</bdi></b> <small>@${username}@${host}</small></span
                >
              </a>
            </li>`,
        )}
      </ul>
    </section>`,
  });
}

/** @param {{ origin: string, account: Account }} page */
function profile({ origin, account }) {
  return layout({
    origin,
    title: account.displayName,
    main: html`<section class="card person">
      <img class="portrait" src="/avatars/${account.username}.svg" alt="" width="96" height="96" />
      <h1><bdi>${account.displayName}</bdi></h1>
      <p class="handle">@${account.username}@${new URL(origin).host}</p>
      <p>${account.note}</p>
    </section>`,
  });
}

module.exports = { consent, contentSecurityPolicy, home, notFound, profile, refusal };
