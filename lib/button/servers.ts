/** The servers that are suggested where a site names none: large, general, and open for years. */

export const someServers: readonly string[] = [
  'mastodon.social',
  'mastodon.online',
  'mstdn.social',
  'mas.to',
  'fosstodon.org',
  'hachyderm.io',
  'infosec.exchange',
  'mastodon.world',
  'mastodon.art',
  'pixelfed.social',
  'troet.cafe',
  'piaille.fr',
  'masto.es',
  'mastodon.uno',
  'mastodon.nl',
  'mstdn.jp',
];
