/** The error beside the field: the page's own, if it has put one into the element, or ours. */

import { errorPart } from '../elements.js';
import { domOf, setWord } from './parts.js';

export interface FieldError {
  /** The text of the page's own error. */
  pageText(): string | undefined;
  /** Whether the page's error or ours is visible. */
  isShown(): boolean;
  /** Shows an error instead of the one before; undefined for none. */
  show(text: string | undefined): void;
  /**
   * The page has changed parts inside the element. Its own error may have a new text.
   * @returns whether it has
   */
  notice(changes: readonly MutationRecord[]): boolean;
  /** Removes ours. */
  remove(): void;
}

/** @param next the part below the error */
export function fieldErrorOf(host: HTMLElement, input: HTMLInputElement, next: HTMLElement): FieldError {
  let own: HTMLElement | undefined;
  const pageError = () =>
    [...host.querySelectorAll<HTMLElement>('.mastodon-login-error')].find((error) => error !== own);

  function remove(): void {
    if (own) setWord(input, 'aria-describedby', own.id, false);
    own?.remove();
    own = undefined;
  }

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
    pageText: () => pageError()?.textContent || undefined,
    isShown() {
      const theirs = pageError();
      return own !== undefined || (!!theirs?.textContent && !theirs.hidden);
    },
    show,
    notice(changes) {
      const error = pageError();
      if (!error || !changes.some(({ target }) => error.contains(target))) return false;
      show(error.textContent || undefined);
      return true;
    },
    remove,
  };
}
