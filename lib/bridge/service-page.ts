/** What someone sees who opens the service's own address in a browser. */

import type { Page } from './page.js';

export function indexPage(clientName: string, website: string | undefined): Page {
  const name = `<bdi>${escape(clientName)}</bdi>`;
  const link = website === undefined ? name : `<a href="${escape(website)}">${name}</a>`;
  return {
    status: 200,
    title: clientName,
    body: `<p>This is where you come by when you log in to ${link} with your Mastodon account.</p>
<p>There is nothing to do here: begin in ${name}, and open the address that it shows you.</p>`,
  };
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
