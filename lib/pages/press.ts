/** Ignores accidental presses, such as the second half of a double click on a page that has just appeared. */

/** The field of a form that was submitted by a deliberate press. */
const field = 'meant';

/**
 * Runs before the body of the page is parsed. A form can be submitted after the page was visible, in a focused window, for 700 ms
 * without a press. An earlier press starts the time again. A key that is held down is no press. `aria-disabled`, unlike
 * `disabled`, keeps the keyboard focus.
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

/**
 * A checkbox for browsers without scripts. It is at another place than the button, so that quick presses at one place do not do
 * both.
 * @param label HTML
 * @param isShown for all browsers, because the form came without the field
 */
export function secondStep(label: string, isShown = false): string {
  const box = `<label class="second-step"><input type="checkbox" name="${field}" value="yes" required> <span>${label}</span></label>`;
  return isShown ? box : `<noscript>${box}</noscript>`;
}

/** Whether a form was submitted by a deliberate press: the buttons were active, or the checkbox was checked. */
export function isDeliberate(fields: URLSearchParams): boolean {
  return fields.get(field) === 'yes';
}
