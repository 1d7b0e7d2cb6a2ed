/** Whether the button on the page of a request was pressed. */

import type { IncomingMessage } from 'node:http';
import { readOwnForm } from '../pages/form.js';

export { proofFor } from '../pages/form.js';

/** @param key the browser's, from its cookie */
export async function isOwnForm(req: IncomingMessage, key: string, publicURL: string): Promise<boolean> {
  return (await readOwnForm(req, key, publicURL)) !== undefined;
}
