/**
 * Suggestions below the field: the combobox with a list as WAI-ARIA's authoring practices describe it. The focus stays
 * in the field; the keyboard moves `aria-activedescendant`.
 */

const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };

export class Suggestions {
  readonly #input: HTMLInputElement;
  readonly #list = document.createElement('ul');
  readonly #find: (text: string) => readonly string[];
  /** Index of the option that Enter takes; -1 for none. */
  #active = -1;

  /** @param find what to offer for a text, at most a screenful */
  constructor(input: HTMLInputElement, find: (text: string) => readonly string[], signal: AbortSignal) {
    this.#input = input;
    this.#find = find;
    this.#list.id = `${input.id}-list`;
    this.#list.className = 'mastodon-login-servers';
    this.#list.role = 'listbox';
    this.#list.hidden = true;
    input.after(this.#list);
    // The page's own list would open over this one.
    const plain = ['list', 'autocomplete'].map((name) => [name, input.getAttribute(name)] as const);
    input.removeAttribute('list');
    const attributes = {
      role: 'combobox',
      autocomplete: 'off',
      'aria-autocomplete': 'list',
      'aria-expanded': 'false',
      'aria-controls': this.#list.id,
    };
    for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);

    const listen = { signal };
    input.addEventListener('input', () => this.#show(), listen);
    input.addEventListener('keydown', (event) => this.#press(event), listen);
    input.addEventListener('blur', () => this.close(), listen);
    // A press on the list must not take the focus, and the phone's keyboard, from the field.
    this.#list.addEventListener('mousedown', (event) => event.preventDefault(), listen);
    this.#list.addEventListener(
      'click',
      (event) => {
        const option = event.target instanceof Element ? event.target.closest('[role=option]') : null;
        if (option) this.#take(option.textContent);
      },
      listen,
    );
    signal.addEventListener('abort', () => {
      this.#list.remove();
      for (const name of Object.keys(attributes)) input.removeAttribute(name);
      for (const [name, value] of plain) if (value !== null) input.setAttribute(name, value);
    });
  }

  /** The list's name, for who does not see it. */
  set label(label: string) {
    this.#list.setAttribute('aria-label', label);
  }

  close(): void {
    this.#list.hidden = true;
    this.#activate(-1);
    this.#input.setAttribute('aria-expanded', 'false');
  }

  #show(): void {
    const text = this.#input.value;
    const found = this.#find(text);
    // Nothing to choose where the only suggestion stands in the field already.
    if (found.length === 0 || (found.length === 1 && found[0] === text)) return this.close();
    this.#list.replaceChildren(
      ...found.map((server, index) => {
        const option = document.createElement('li');
        option.id = `${this.#list.id}-${index}`;
        option.role = 'option';
        option.dir = 'ltr';
        option.textContent = server;
        return option;
      }),
    );
    this.#list.hidden = false;
    this.#activate(-1);
    this.#input.setAttribute('aria-expanded', 'true');
  }

  #press(event: KeyboardEvent): void {
    // While an input method composes a word, its keys are its own.
    if (event.isComposing) return;
    const isOpen = !this.#list.hidden;
    const step = steps[event.key];
    if (step !== undefined && !this.#input.readOnly) {
      event.preventDefault();
      if (isOpen && event.altKey && step < 0) this.close();
      else this.#move(step, isOpen, event.altKey);
    } else if (event.key === 'Escape' && isOpen) {
      // Only the list is left, not a dialog around the form.
      event.preventDefault();
      event.stopPropagation();
      this.close();
    } else if (event.key === 'Enter' && isOpen && this.#active >= 0) {
      event.preventDefault();
      this.#take(this.#list.children[this.#active]?.textContent ?? '');
    }
  }

  #move(step: number, isOpen: boolean, onlyOpen: boolean): void {
    if (!isOpen) this.#show();
    const { length } = this.#list.children;
    if (this.#list.hidden || length === 0 || onlyOpen) return;
    const from = this.#active < 0 && step < 0 ? length : this.#active;
    this.#activate((from + step + length) % length);
  }

  #activate(index: number): void {
    this.#active = index;
    for (const [position, option] of [...this.#list.children].entries()) {
      option.setAttribute('aria-selected', String(position === index));
    }
    const option = this.#list.children[index];
    if (option === undefined) return this.#input.removeAttribute('aria-activedescendant');
    this.#input.setAttribute('aria-activedescendant', option.id);
    option.scrollIntoView({ block: 'nearest' });
  }

  #take(text: string | null): void {
    this.#input.value = text ?? '';
    // Tells the page, and this list, as typing would.
    this.#input.dispatchEvent(new Event('input', { bubbles: true }));
    this.close();
  }
}
