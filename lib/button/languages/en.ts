/** English. Its messages are those of the errors themselves. */

import type { Language } from '../language.js';

export const en: Language = {
  words: {
    label: 'Your server or handle',
    example: 'For example mastodon.social or @you@mastodon.social',
    button: 'Log in with Mastodon',
    destination: 'You confirm at %s.',
    remembered: 'Your server from last time.',
    forget: 'Forget it',
    forgotten: 'Forgotten.',
    busy: 'Going to %s …',
    slow: '%s is taking its time. We are still trying …',
    servers: 'Servers',
    noAccount: 'No account yet?',
    join: 'Find a server',
  },
  messages: {},
};
