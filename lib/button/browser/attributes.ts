/** The attributes of the element, and its types for React, Preact, Solid, Svelte and Vue. */

/** A list is joined by spaces, `false` is the empty text, and null and undefined remove the attribute. */
export type AttributeValue = string | readonly string[] | false | null | undefined;

/** The attributes of `<mastodon-login>`, each of which is a property, too. */
export interface MastodonLoginAttributes {
  /** Path that starts a login, such as `/auth/mastodon`. The element then makes the form, if there is none inside. */
  action?: AttributeValue;
  /** Hosts to suggest, the most likely first; the empty text for none. Default: `someServers`. */
  servers?: AttributeValue;
  /** The code of the failure to show, in the visitor's language. Default: the parameter `error` of the page's address. */
  error?: AttributeValue;
  /** The message to show if the code is absent or unknown. */
  message?: AttributeValue;
  /** Host of the instance that the failure is about. */
  instance?: AttributeValue;
  /** The reason, for codes that have several. */
  reason?: AttributeValue;
  /** `off`: this browser does not remember the server. */
  memory?: AttributeValue;
  /** Name of the field. Default: `instance`. */
  field?: AttributeValue;
  /** Text in the field of the form that the element makes. */
  value?: AttributeValue;
  /** URL where visitors without an account find a server. The empty text omits that line. */
  join?: AttributeValue;
}

type LoginElement = HTMLElementTagNameMap['mastodon-login'];

// A site has at most one or two of these packages. If one is missing, the compiler must ignore the declarations for it.
/* eslint-disable @typescript-eslint/ban-ts-comment, @typescript-eslint/consistent-type-imports */

/** @ts-ignore */
declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      /** @ts-ignore */
      'mastodon-login': DetailedHTMLProps<HTMLAttributes<LoginElement>, LoginElement> &
        MastodonLoginAttributes;
    }
  }
}

/** @ts-ignore */
declare module 'preact' {
  namespace JSX {
    interface IntrinsicElements {
      /** @ts-ignore */
      'mastodon-login': import('preact').HTMLAttributes<LoginElement> & MastodonLoginAttributes;
    }
  }
}

/** @ts-ignore */
declare module 'solid-js' {
  namespace JSX {
    interface IntrinsicElements {
      /** @ts-ignore */
      'mastodon-login': HTMLAttributes<LoginElement> & MastodonLoginAttributes;
    }
  }
}

/** @ts-ignore */
declare module 'svelte/elements' {
  interface SvelteHTMLElements {
    /** @ts-ignore */
    'mastodon-login': HTMLAttributes<LoginElement> & MastodonLoginAttributes;
  }
}

/** @ts-ignore */
declare module 'vue' {
  interface GlobalComponents {
    /** @ts-ignore */
    'mastodon-login': import('vue').DefineComponent<MastodonLoginAttributes>;
  }
}
