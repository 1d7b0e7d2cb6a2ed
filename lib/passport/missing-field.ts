/** The refusal of a login start that names no instance, and a warning with the reason. */

import { MastodonError } from '../errors.js';
import { isDevelopment, warnOnce } from '../events.js';
import { sentAsText } from '../login/browser.js';
import type { Request } from './passport.js';

const parsers: ReadonlyMap<string, string> = new Map([
  ['application/x-www-form-urlencoded', 'app.use(express.urlencoded({ extended: false }))'],
  ['application/json', 'app.use(express.json())'],
  ['multipart/form-data', 'a parser such as multer (or no enctype in the form, and express.urlencoded())'],
]);

/**
 * The body was not parsed, or the field has another name. For the visitor the field is empty. The cause, for the operator,
 * says whether a parser is missing.
 */
export function missingField(req: Request, field: string): MastodonError {
  const { body, query = {} } = req as { body?: unknown; query?: unknown };
  const isForm = req.method !== 'GET';
  if (isDevelopment()) warn(req.headers, isForm ? body : query, field);
  const cause =
    isForm && body === undefined
      ? 'req.body is undefined: app.use(express.urlencoded()) has to come first (express.json() for JSON)'
      : `neither body nor query have a field "${field}"`;
  return new MastodonError('instance_missing', { cause });
}

function warn(headers: Request['headers'], body: unknown, field: string): void {
  const type = headers['content-type']?.split(';', 1)[0] ?? '';
  const names = typeof body === 'object' ? Object.keys(body ?? {}) : [];
  // In Express 4, a parser for another type leaves an empty object.
  const isEmpty = typeof body === 'object' && names.length === 0 && Number(headers['content-length']) > 0;
  if (body === undefined || isEmpty) {
    const parser = parsers.get(type);
    const what =
      type === 'text/plain'
        ? sentAsText
        : `a form was sent, and ${body ? 'req.body is empty' : 'there is no req.body'}. Before the route, add ${parser}`;
    if (type === 'text/plain' || parser !== undefined)
      warnOnce('MASTODON_NO_BODY', `MastodonStrategy: ${what}`);
  } else if (names.length > 0 && !names.includes(field)) {
    // Other names are content that was parsed with a wrong type.
    const other = names.find((name) => /^[\w$-]{1,40}$/.test(name));
    warnOnce(
      'MASTODON_NO_FIELD',
      `MastodonStrategy: the start of a login has no field "${field}"` +
        (other === undefined ? '' : ` (there is "${other}")`) +
        '. Name the input so, or set the option instanceField',
    );
  }
}
