/** What someone sees who opens the service's own address in a browser. */

import { escape, messagePage, type Page } from '../pages/page.js';

export function indexPage(clientName: string, website: string | undefined): Page {
  const name = `<bdi>${escape(clientName)}</bdi>`;
  const link = website === undefined ? name : `<a href="${escape(website)}">${name}</a>`;
  return messagePage(200, clientName, [
    `This is where you come by when you log in to ${link} with your Mastodon account.`,
    `There is nothing to do here: begin in ${name}, and open the address that it shows you.`,
  ]);
}
