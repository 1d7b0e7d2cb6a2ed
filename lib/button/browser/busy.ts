/** The state between the press of the button and the server's page: it is reported, and a second login is held back. */

/** A server may take this long when the site asks it for the first time. */
const slowAfterMs = 4_000;

/** By then the site has answered, or the visitor has stopped the page, for which browsers have no event. */
const giveUpAfterMs = 30_000;

/** @param texts what to report at once, and after some seconds */
export function busyOf(
  form: HTMLFormElement,
  input: HTMLInputElement,
  status: HTMLElement,
  texts: () => readonly [atOnce: string, later: string],
) {
  let timers: number[] = [];
  const isOn = () => form.getAttribute('aria-busy') === 'true';

  function set(isBusy: boolean): void {
    if (isBusy === isOn()) return;
    for (const timer of timers) clearTimeout(timer);
    timers = [];
    // Neither part is `disabled`: a disabled field would not be submitted, and a disabled button would lose the focus.
    input.readOnly = isBusy;
    setFlag(form, 'aria-busy', isBusy);
    for (const button of form.querySelectorAll('button')) setFlag(button, 'aria-disabled', isBusy);
    const [atOnce, later] = texts();
    status.textContent = isBusy ? atOnce : '';
    if (!isBusy) return;
    timers = [
      window.setTimeout(() => (status.textContent = later), slowAfterMs),
      window.setTimeout(() => set(false), giveUpAfterMs),
    ];
  }

  return { isOn, set };
}

function setFlag(element: Element, attribute: string, isTrue: boolean): void {
  if (isTrue) element.setAttribute(attribute, 'true');
  else element.removeAttribute(attribute);
}
