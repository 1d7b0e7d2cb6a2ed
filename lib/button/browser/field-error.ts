/** The error beside the field: the page's own, if it has put one into the element, or ours. */

import { errorPart } from '../elements.js';
import { domOf, setWord } from './parts.js';

/** @param next the part below the error */
export function fieldErrorOf(host: HTMLElement, input: HTMLInputElement, next: HTMLElement) {
  let own: HTMLElement | undefined;
  const pageError = () =>
    [...host.querySelectorAll<HTMLElement>('.mastodon-login-error')].find((error) => error !== own);

  function remove(): void {
    if (own) setWord(input, 'aria-describedby', own.id, false);
    own?.remove();
    own = undefined;
  }

  /** Shows an error instead of the one before; undefined for none. */
  function show(text: string | undefined): void {
    const theirs = pageError();
    const isTheirs = theirs !== undefined && text === theirs.textContent;
    if (theirs) {
      // It is only hidden: the framework that made it may change or remove it later.
      theirs.hidden = !isTheirs;
      theirs.id ||= `${input.id}-error`;
      setWord(input, 'aria-describedby', theirs.id, isTheirs);
    }
    remove();
    if (text !== undefined && !isTheirs) {
      own = domOf(errorPart(`${input.id}-own`, text));
      next.before(own);
      setWord(input, 'aria-describedby', own.id, true);
    }
    if (text === undefined) input.removeAttribute('aria-invalid');
    else input.setAttribute('aria-invalid', 'true');
  }

  return {
    /** The text of the page's own error. */
    pageText: () => pageError()?.textContent || undefined,
    /** Whether the page's error or ours is visible. */
    isShown() {
      const theirs = pageError();
      return own !== undefined || (!!theirs?.textContent && !theirs.hidden);
    },
    show,
    /** The page has changed parts inside the element. @returns whether its own error is one of them */
    notice(changes: readonly MutationRecord[]): boolean {
      const error = pageError();
      if (!error || !changes.some(({ target }) => error.contains(target))) return false;
      show(error.textContent || undefined);
      return true;
    },
    remove,
  };
}
