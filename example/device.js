// @ts-check
/** A login in a terminal by the device grant of OAuth (RFC 8628), with openid-client: at any OpenID provider that has it. */

const { Countdown, Failure, plain, say, showAddress } = require('./terminal');

/** @param {string} issuer @param {string} clientId */
async function loginOnDevice(issuer, clientId) {
  const openid = await import('openid-client');
  const url = issuerURL(issuer);
  const isLocal = url.protocol === 'http:' && url.hostname === 'localhost';
  const countdown = new Countdown();
  try {
    const config = await openid.discovery(url, clientId, undefined, openid.None(), {
      execute: isLocal ? [openid.allowInsecureRequests] : [],
    });
    const device = await openid.initiateDeviceAuthorization(config, { scope: 'openid profile' });
    showAddress(plain(device.verification_uri_complete ?? device.verification_uri), device.user_code);
    countdown.start(Date.now() + device.expires_in * 1000);
    const tokens = await openid.pollDeviceAuthorizationGrant(config, device);
    countdown.stop();
    // The user's permanent ID: a handle can change hands.
    const {
      sub,
      preferred_username: handle,
      name,
    } = /** @type {Record<string, unknown>} */ (tokens.claims());
    say(`Logged in as @${plain(handle)}${name ? ` (${plain(name)})` : ''}, who is ${plain(sub)}.`);
  } catch (error) {
    throw failureOf(error, url);
  } finally {
    countdown.stop();
  }
}

/** @param {string} text */
function issuerURL(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new Failure(`${text} is not the address of an issuer. It begins with https://.`);
  }
  return url;
}

/** @param {unknown} thrown @param {URL} issuer */
function failureOf(thrown, issuer) {
  const { error, cause, message } = /** @type {any} */ (thrown);
  if (error === 'access_denied') return new Failure('The login was cancelled.');
  if (error === 'expired_token') return new Failure('The time for this login is over. Begin again.');
  if (error === 'invalid_client')
    return new Failure(`The issuer at ${issuer.host} does not know this program.`);
  return new Failure(
    `The issuer at ${issuer.host} cannot be used (${cause?.cause?.code ?? cause?.code ?? plain(message)}).`,
  );
}

module.exports = { loginOnDevice };
