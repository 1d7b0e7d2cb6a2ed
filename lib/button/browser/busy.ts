/** Between the button and the server's page: says so, holds back a second login, and comes back to life. */

/** A server that was never asked before may take this long; then the page says that it is still at it. */
const slowAfterMs = 4_000;

/** By then the site has answered, or the visitor has stopped the page, which tells nobody. */
const giveUpAfterMs = 30_000;

export class Busy {
  readonly #form: HTMLFormElement;
  readonly #input: HTMLInputElement;
  readonly #say: (text: string) => void;
  #timers: number[] = [];

  constructor(form: HTMLFormElement, input: HTMLInputElement, say: (text: string) => void) {
    this.#form = form;
    this.#input = input;
    this.#say = say;
  }

  get isOn(): boolean {
    return this.#form.getAttribute('aria-busy') === 'true';
  }

  begin(atOnce: string, afterAWhile: string): void {
    this.#set(true);
    this.#say(atOnce);
    this.#timers = [
      window.setTimeout(() => this.#say(afterAWhile), slowAfterMs),
      window.setTimeout(() => this.end(), giveUpAfterMs),
    ];
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    if (!this.isOn) return;
    this.#set(false);
    this.#say('');
  }

  /** Not `disabled`: the field's text is still to be sent, and the focus stays where it is. */
  #set(isBusy: boolean): void {
    this.#input.readOnly = isBusy;
    for (const [element, name] of [
      [this.#form, 'aria-busy'],
      ...[...this.#form.querySelectorAll('button')].map((button) => [button, 'aria-disabled'] as const),
    ] as const) {
      if (isBusy) element.setAttribute(name, 'true');
      else element.removeAttribute(name);
    }
  }
}
