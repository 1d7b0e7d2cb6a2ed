/** How our pages look: one stylesheet, small enough to travel inside each of them. */

import { createHash } from 'node:crypto';

export const style = `
:root { color-scheme: light dark; --text: #1b1b1f; --back: #fff; --soft: #5a5a66; --line: #c9c9d3; --button: #4b3fd1; --wrong: #9a2a1c }
@media (prefers-color-scheme: dark) {
  :root { --text: #ececf1; --back: #17171c; --soft: #adadba; --line: #44444f; --button: #6a5ff0; --wrong: #ffb4a4 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--text); font: 1.0625rem/1.5 system-ui, sans-serif }
main { max-width: 32rem; margin: 0 auto; padding: clamp(1.5rem, 8vh, 5rem) 1.25rem }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere }
p { margin: 0 0 1rem; overflow-wrap: anywhere }
.code { margin: 0 0 1rem; padding: .75rem; border: 2px solid var(--line); border-radius: .5rem; text-align: center;
  font: 600 2rem/1.2 ui-monospace, monospace; letter-spacing: .1em }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.soft { color: var(--soft); font-size: .9375rem }
form { margin: 1.5rem 0 }
button { width: 100%; min-height: 3rem; padding: .5rem 1rem; border: 0; border-radius: .5rem; background: var(--button);
  color: #fff; font: inherit; font-weight: 600; cursor: pointer; overflow-wrap: anywhere }
button:focus-visible, a:focus-visible { outline: 3px solid var(--text); outline-offset: 2px }
button.quiet { margin-top: .75rem; border: 2px solid var(--line); background: none; color: inherit }
label { display: block; margin-bottom: .5rem; font-weight: 600 }
input { width: 100%; min-height: 3rem; padding: .5rem .75rem; border: 2px solid var(--soft); border-radius: .5rem;
  background: none; color: inherit; font: inherit }
input[aria-invalid] { border-color: var(--wrong) }
input:focus-visible { outline: 3px solid var(--text); outline-offset: 2px }
input + p { margin: .5rem 0 1rem }
.refusal { color: var(--wrong); font-weight: 600 }
a { color: inherit }
`;

/** What a content security policy lets through, and nothing else. */
export const styleSource = `'sha256-${createHash('sha256').update(style).digest('base64')}'`;
