/**
 * The servers that are suggested unless a site names its own: large ones that have existed for years. Servers of Misskey's
 * family are last, so they appear only when a visitor types their names: they need the option `clientMetadataURL`.
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
