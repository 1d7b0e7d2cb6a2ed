/**
 * The list of suggestions below the field: a combobox as in WAI-ARIA's authoring practices. The focus stays in the field,
 * and the keyboard moves `aria-activedescendant`.
 */

const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1 };

/**
 * @param find what to suggest for a text
 * @param take called with the suggestion that the visitor chose
 * @param signal removes the list
 */
export function suggest(
  input: HTMLInputElement,
  find: (text: string) => readonly string[],
  take: (text: string) => void,
  signal: AbortSignal,
) {
  const list = document.createElement('ul');
  list.id = `${input.id}-list`;
  list.className = 'mastodon-login-servers';
  list.role = 'listbox';
  list.hidden = true;
  input.after(list);
  /** Index of the option that Enter takes; -1 for none. */
  let active = -1;

  // The browser's own lists would cover this one.
  const before = ['list', 'autocomplete'].map((name) => [name, input.getAttribute(name)] as const);
  input.removeAttribute('list');
  const attributes = {
    role: 'combobox',
    autocomplete: 'off',
    'aria-autocomplete': 'list',
    'aria-expanded': 'false',
    'aria-controls': list.id,
  };
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value);

  function activate(index: number): void {
    active = index;
    for (const [position, option] of [...list.children].entries()) {
      option.setAttribute('aria-selected', String(position === index));
    }
    const option = list.children[index];
    if (option === undefined) return input.removeAttribute('aria-activedescendant');
    input.setAttribute('aria-activedescendant', option.id);
    option.scrollIntoView({ block: 'nearest' });
  }

  function setOpen(isOpen: boolean): void {
    list.hidden = !isOpen;
    activate(-1);
    input.setAttribute('aria-expanded', String(isOpen));
  }

  function show(): void {
    const text = input.value;
    const found = find(text);
    // There is no choice where the field has the only suggestion already.
    if (found.length === 0 || (found.length === 1 && found[0] === text)) return setOpen(false);
    list.replaceChildren(
      ...found.map((server, index) => {
        const option = document.createElement('li');
        option.id = `${list.id}-${index}`;
        option.role = 'option';
        option.dir = 'ltr';
        option.textContent = server;
        return option;
      }),
    );
    setOpen(true);
  }

  function move(step: number, wasOpen: boolean, onlyOpen: boolean): void {
    if (!wasOpen) show();
    const { length } = list.children;
    if (list.hidden || length === 0 || onlyOpen) return;
    const from = active < 0 && step < 0 ? length : active;
    activate((from + step + length) % length);
  }

  function choose(option: Element | null | undefined): void {
    if (!option) return;
    setOpen(false);
    take(option.textContent);
  }

  function press(event: KeyboardEvent): void {
    // While an input method composes a word, the keys belong to it.
    if (event.isComposing) return;
    const isOpen = !list.hidden;
    const step = steps[event.key];
    if (step !== undefined && !input.readOnly) {
      event.preventDefault();
      if (isOpen && event.altKey && step < 0) setOpen(false);
      else move(step, isOpen, event.altKey);
    } else if (event.key === 'Escape' && isOpen) {
      // Closes the list, not a dialog around the form.
      event.preventDefault();
      event.stopPropagation();
      setOpen(false);
    } else if (event.key === 'Enter' && isOpen && active >= 0) {
      event.preventDefault();
      choose(list.children[active]);
    }
  }

  const listen = { signal };
  // Over an empty field, the list opens by the keyboard only: it would cover the button.
  input.addEventListener('input', () => (input.value === '' ? setOpen(false) : show()), listen);
  input.addEventListener('keydown', press, listen);
  input.addEventListener('blur', () => setOpen(false), listen);
  // A press on the list leaves the focus, and the keyboard of a phone, at the field.
  list.addEventListener('mousedown', (event) => event.preventDefault(), listen);
  const click = ({ target }: Event) =>
    choose(target instanceof Element ? target.closest('[role=option]') : null);
  list.addEventListener('click', click, listen);
  signal.addEventListener('abort', () => {
    list.remove();
    for (const name of Object.keys(attributes)) input.removeAttribute(name);
    for (const [name, value] of before) if (value !== null) input.setAttribute(name, value);
  });

  return {
    setLabel: (label: string) => list.setAttribute('aria-label', label),
    close: () => setOpen(false),
  };
}
