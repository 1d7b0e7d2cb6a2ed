/** The texts of the button in one language. */

import type { MastodonErrorCode, MastodonErrorReason } from '../errors.js';

/** `%s` is the host of a server. */
export interface Words {
  /** Above the field. */
  readonly label: string;
  /** Below the empty field. */
  readonly example: string;
  readonly button: string;
  /** On the button, once a known server stands in the field. */
  readonly continue: string;
  /** Below the field, once it names a server. */
  readonly destination: string;
  /** Below the field when this browser remembered the server in it. */
  readonly remembered: string;
  readonly forget: string;
  readonly forgotten: string;
  /** From the press of the button to the server's page. */
  readonly busy: string;
  /** The same, after some seconds. */
  readonly slow: string;
  /** Accessible name of the list of suggestions. */
  readonly servers: string;
  readonly noAccount: string;
  readonly join: string;
}

export interface Language {
  readonly words: Words;
  /**
   * Each message has to read well without its host, too: ` %s` is left out where none is known. English has the messages
   * of the errors, and so has every language for a code that it lacks.
   */
  readonly messages: { readonly [Code in MastodonErrorCode]?: string };
  /** Messages that are more exact than that of the code. The button itself gives these reasons. */
  readonly reasons: { readonly [Reason in MastodonErrorReason]?: string };
  readonly direction?: 'rtl';
}
