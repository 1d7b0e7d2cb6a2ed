/** The style of our pages: the button's stylesheet, and rules for the page. */

import { buttonStyle } from './button-files.js';

const page = `
:root { color-scheme: light dark }
* { box-sizing: border-box }
body { margin: 0; background: var(--mastodon-login-page); color: var(--mastodon-login-text);
  font: 1.0625rem/1.55 system-ui, sans-serif }
main { max-width: 34rem; margin: 0 auto; padding: clamp(1.5rem, 6vh, 3rem) 1.25rem }
@media (min-width: 38rem) {
  main { margin-block: clamp(1rem, 10vh, 6rem); padding: 2.5rem; border: 1px solid var(--mastodon-login-line);
    border-radius: 1rem; background: var(--mastodon-login-surface) }
}
h1 { margin: 0 0 1rem; font-size: 1.625rem; line-height: 1.25; overflow-wrap: anywhere; text-wrap: balance }
p { margin: 0 0 1rem; overflow-wrap: anywhere }
code { font: 0.9375em/1.5 ui-monospace, monospace }
form.mastodon-login-form { margin: 1.5rem 0 0 }
mastodon-login { display: block }
mastodon-login + form.mastodon-login-form { margin-top: .75rem }
form.mastodon-login-form + mastodon-login > form.mastodon-login-form { margin-top: 2rem }
form.mastodon-login-form button + button { margin-top: .75rem }
form.mastodon-login-form + p, mastodon-login + p { margin-top: 1.5rem }
input + .mastodon-login-error { margin-bottom: .5rem }
.code { margin: 0 0 1rem; padding: .75rem; border: 2px solid var(--mastodon-login-line); border-radius: .6rem;
  text-align: center; font: 600 2rem/1.2 ui-monospace, monospace; letter-spacing: .1em }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
form:not([aria-busy]) button[aria-disabled] { opacity: .55; cursor: default }
.mastodon-login-form .second-step { display: flex; gap: .6rem; align-items: baseline; margin: 0 0 1rem; font-weight: 400 }
.soft { color: var(--mastodon-login-soft); font-size: .9375rem }
a { color: inherit }
a:focus-visible { outline: 3px solid var(--mastodon-login-accent); outline-offset: 2px }
`;

/** For the `<style>` of a page with the class `mastodon-login` on its body. */
export const style = buttonStyle.replace(/\/\*.*?\*\//gs, '').trim() + page;
