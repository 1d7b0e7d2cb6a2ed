/** POST /api/v1/apps. */

import type { Exchange } from './exchange.js';
import type { App, StandIn } from './stand-in.js';

const outOfBandURI = 'urn:ietf:wg:oauth:2.0:oob';

export function register(standIn: StandIn, exchange: Exchange): void {
  if (exchange.malformed) return standIn.refuse(exchange, 'malformed');
  if (isThrottled(standIn, exchange)) return;
  const { apps, scopes: scopeHabits } = standIn.persona;
  const { client_name: name, website, scopes: scopeField } = exchange.fields;

  const redirectURIs = readRedirectURIs(standIn, exchange);
  const fieldsKnown = Object.keys(exchange.fields).every((field) =>
    ['client_name', 'redirect_uris', 'scopes', 'website'].includes(field),
  );
  // Servers drop scopes that are no string, and then give the least.
  const scopes = typeof scopeField === 'string' ? scopeField.split(/\s+/).filter(Boolean) : [];
  const acceptable =
    typeof name === 'string' &&
    name !== '' &&
    redirectURIs !== undefined &&
    (!apps.scopesRequired || scopes.length > 0) &&
    (!apps.strictFields || (fieldsKnown && website !== '')) &&
    (!apps.limits || keepsLimits(name, website)) &&
    (scopeHabits.unknownAtApps === 'keep' || scopes.every((scope) => scopeHabits.known.includes(scope)));
  if (!acceptable) return standIn.refuse(exchange, 'invalid_app');

  standIn.registrations += 1;
  standIn.registeredAt.push(standIn.now());
  const session = apps.singleUse ? standIn.secret() : undefined;
  const app: App = {
    id: String(standIn.registrations),
    name,
    website: typeof website === 'string' && website !== '' ? website : null,
    redirectURIs,
    scopes: scopes.length > 0 ? scopes : ['read'],
    clientId: session
      ? Buffer.from(`${standIn.origin}/auth/${session}`).toString('base64')
      : standIn.secret(),
    clientSecret: standIn.secret(),
    ...(session !== undefined && { session }),
  };
  standIn.apps.set(app.clientId, app);
  exchange.send([200, answer(standIn, app)]);
}

function answer(standIn: StandIn, app: App): object {
  const more = {
    scopes: app.scopes,
    redirect_uris: app.redirectURIs,
    client_secret_expires_at: 0,
  };
  const { answers } = standIn.persona.apps;
  return {
    id: app.id,
    name: app.name,
    website: app.website,
    redirect_uri: app.redirectURIs.join('\n'),
    client_id: app.clientId,
    client_secret: app.clientSecret,
    vapid_key: 'BCk-QqERU0q-CfYZjcuB6lnyyOYfJ2AifKqfeGIm7Z-HiTU5T9eTG5GxVA0_OH5mMlI4UkkDTpaZwozy0TzdZ2M=',
    ...Object.fromEntries(answers.map((field) => [field, more[field]])),
  };
}

/** `undefined` where the family refuses what was sent. */
function readRedirectURIs(standIn: StandIn, exchange: Exchange): string[] | undefined {
  const { uriArray, brackets, splitsURIs, outOfBand } = standIn.persona.apps;
  let value = exchange.fields['redirect_uris'];
  if (brackets) value ??= exchange.fields['redirect_uris[]'];
  if (Array.isArray(value)) {
    if (uriArray === 'refuse') return undefined;
    if (uriArray === 'drop') value = undefined;
    else value = uriArray === 'first' ? value[0] : value.join('\n');
  }
  if (value === undefined && outOfBand) return [outOfBandURI];
  if (typeof value !== 'string') return undefined;
  const separator = splitsURIs === 'commas' ? ',' : /\s+/;
  const uris = splitsURIs ? value.split(separator).filter(Boolean) : [value];
  const fit = uris.every((uri) => uri === outOfBandURI || (URL.canParse(uri) && !uri.includes('#')));
  return uris.length > 0 && fit && value.length <= 2000 ? uris : undefined;
}

function keepsLimits(name: string, website: unknown): boolean {
  if ([...name].length > 60) return false;
  if (website === undefined || website === null || website === '') return true;
  return typeof website === 'string' && website.length <= 2000 && /^https?:\/\/./.test(website);
}

function isThrottled(standIn: StandIn, exchange: Exchange): boolean {
  const { count, windowMs } = standIn.persona.apps.throttle;
  const recent = standIn.registeredAt.filter((at) => at > standIn.now() - windowMs);
  if (!standIn.throttle || recent.length < count) return false;
  // There is no Retry-After, only the end of the window.
  const reset = new Date((recent[0] ?? standIn.now()) + windowMs).toISOString();
  exchange.send(standIn.persona.replies.throttled, {
    'X-RateLimit-Limit': count,
    'X-RateLimit-Remaining': 0,
    'X-RateLimit-Reset': reset,
  });
  return true;
}
