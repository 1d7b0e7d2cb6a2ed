/**
 * The servers that are suggested where a site names none: large, general, and open for years. Those of Misskey's family
 * stand last, as they come up only for who types their names: a site lets their accounts in by its `clientMetadataURL`.
 */

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
  'misskey.io',
  'misskey.design',
  'sushi.ski',
];
