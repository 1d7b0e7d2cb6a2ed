/** English words. The messages are those of the errors. */

import type { Language } from '../language.js';

export const en: Language = {
  words: {
    label: 'Your server or handle',
    example: 'For example mastodon.social or @you@mastodon.social',
    button: 'Log in with Mastodon',
    continue: 'Continue with %s',
    destination: 'You confirm at %s.',
    remembered: 'Your server from last time.',
    forget: 'Forget this server',
    forgotten: 'Server forgotten.',
    busy: 'Going to %s …',
    slow: '%s is slow to answer. We are still trying …',
    servers: 'Servers',
    noAccount: 'No account yet?',
    join: 'Find a server',
  },
  messages: {},
  reasons: {},
};
