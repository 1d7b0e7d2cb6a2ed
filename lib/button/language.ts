/** What a language has to say. */

import type { MastodonErrorCode } from '../errors.js';

/** In each of them, `%s` is the host of a server. */
export interface Words {
  /** Above the field. */
  readonly label: string;
  /** Below the empty field. */
  readonly example: string;
  readonly button: string;
  /** Below the field when it is clear where the button leads to. */
  readonly destination: string;
  /** Below the field when it was filled from this browser's memory. */
  readonly remembered: string;
  readonly forget: string;
  readonly forgotten: string;
  /** Between the button and the server's page. */
  readonly busy: string;
  /** The same, after some seconds. */
  readonly slow: string;
  /** Name of the list of suggestions, for who does not see it. */
  readonly servers: string;
  readonly noAccount: string;
  readonly join: string;
}

export interface Language {
  readonly words: Words;
  /**
   * A sentence has to read well without its host, too: ` %s` is left out where none is known. English says what the
   * errors themselves say, and so does every language for a code that it lacks.
   */
  readonly messages: { readonly [Code in MastodonErrorCode]?: string };
  readonly direction?: 'rtl';
}
