/** Domains of e-mail providers. An address at one of them is an e-mail address, not a handle. */

/** Providers with one domain for each country, such as `yahoo.fr` and `hotmail.co.uk`. */
const international = /^(?:gmail|googlemail|gmx|hotmail|outlook|yahoo|yandex)\.(?:com?\.)?[a-z]{2,3}$/;

const others = new Set(
  `163.com 126.com alice.it aol.com att.net bluewin.ch bol.com.br btinternet.com comcast.net docomo.ne.jp
  ezweb.ne.jp fastmail.com free.fr freenet.de hanmail.net hey.com icloud.com laposte.net libero.it live.com live.co.uk
  live.fr live.nl mac.com mail.com mail.ru mailbox.org me.com msn.com naver.com orange.fr pm.me posteo.de proton.me
  protonmail.com qq.com rocketmail.com sapo.pt sfr.fr softbank.ne.jp t-online.de terra.com.br tuta.com tutanota.com
  uol.com.br verizon.net virgilio.it wanadoo.fr web.de ymail.com ziggo.nl zoho.com`.split(/\s+/),
);

/** @param host in lower case */
export function isEmailProvider(host: string): boolean {
  return international.test(host) || others.has(host);
}
