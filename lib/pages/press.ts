/** Ignores presses that the visitor did not mean, such as the second half of a double click on a page that has just appeared. */

import { createHash } from 'node:crypto';

/** The field that a form of ours sends when its press was deliberate. */
const field = 'meant';

/**
 * Runs before the body of the page is read. No form is sent before the page was visible, in a focused window, for 700 ms
 * without a press. A press before that starts the wait again, so that a series of quick presses sends nothing. A key that is
 * held down does not count as a press. `aria-disabled`, unlike `disabled`, leaves the keyboard focus where it is.
 */
export const pressScript = `(() => {
const buttons = () => document.querySelectorAll('form button');
let isActive = false;
let timer;
const activate = () => {
  isActive = true;
  for (const button of buttons()) button.removeAttribute('aria-disabled');
};
const wait = () => {
  isActive = false;
  clearTimeout(timer);
  for (const button of buttons()) button.setAttribute('aria-disabled', 'true');
  if (document.visibilityState === 'visible') timer = setTimeout(activate, 700);
};
const isPress = ({ key }) => key === 'Enter' || key === ' ';
addEventListener('pointerdown', () => isActive || wait(), true);
addEventListener('keydown', (event) => {
  if (!isPress(event)) return;
  if (event.repeat) event.preventDefault();
  else if (!isActive) wait();
}, true);
addEventListener('submit', (event) => {
  const form = event.target;
  if (!isActive) {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else if (!form.elements.${field}) {
    const input = document.createElement('input');
    Object.assign(input, { type: 'hidden', name: '${field}', value: 'yes' });
    form.append(input);
  }
}, true);
for (const name of ['DOMContentLoaded', 'pageshow', 'focus']) addEventListener(name, wait);
document.addEventListener('visibilitychange', wait);
})();`;

/** As a source of the content security policy. */
export const pressScriptSource = `'sha256-${createHash('sha256').update(pressScript).digest('base64')}'`;

/**
 * A second step for browsers that run no script: a box to tick before the button works. It stands at another place than
 * the button, so that quick presses at one place do not do both.
 * @param label HTML
 * @param isShown shows the box also where scripts run, because the form came without the field before
 */
export function secondStep(label: string, isShown = false): string {
  const box = `<label class="second-step"><input type="checkbox" name="${field}" value="yes" required> <span>${label}</span></label>`;
  return isShown ? box : `<noscript>${box}</noscript>`;
}

/** Whether the press that sent these fields was deliberate: the buttons were active, or the box was ticked. */
export function isDeliberate(fields: URLSearchParams): boolean {
  return fields.get(field) === 'yes';
}
