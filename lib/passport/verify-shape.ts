/** Whether a verify function can be one of the known forms: told when the strategy is made, not at a login. */

/** What each position is given, by the number of declared parameters, without the request. */
const given = ['accessToken', 'refreshToken', 'profile', 'done'];
const givenWithParams = ['accessToken', 'refreshToken', 'params', 'profile', 'done'];

/** Names that leave no doubt about what a parameter is meant for, in lower case and without underscores. */
const meanings: ReadonlyMap<string, string> = new Map([
  ['req', 'req'],
  ['request', 'req'],
  ['accesstoken', 'accessToken'],
  ['refreshtoken', 'refreshToken'],
  ['params', 'params'],
  ['profile', 'profile'],
  ['done', 'done'],
  ['cb', 'done'],
  ['callback', 'done'],
]);

/** Arguments that are objects, and may be taken apart: `({ id, handle })`. */
const objects = ['req', 'params', 'profile'];

/**
 * Functions of no parameters may be wrappers of anything and are let pass, and so are names that say nothing.
 * @param withRequest the function takes the request first
 * @throws TypeError that says what to write
 */
export function checkVerify(verify: unknown, withRequest: boolean): void {
  if (typeof verify !== 'function') throw new TypeError('MastodonStrategy requires a verify function');
  const kind = Object.prototype.toString.call(verify);
  if (/Generator/.test(kind) || /^class\b/.test(String(verify))) {
    throw wrongShape('it must be a plain or an async function', withRequest);
  }
  const declared = verify.length - (withRequest ? 1 : 0);
  const names = parameterNames(String(verify));
  // With a default or a rest parameter there are more than `length` tells.
  const isAll = names.length === verify.length;
  if (declared > 5 || (declared === 2 && isAll)) {
    throw wrongShape(`it declares ${verify.length} parameters`, withRequest);
  }
  const order = [...(withRequest ? ['req'] : []), ...(declared >= 5 ? givenWithParams : given)];
  for (const [index, name] of names.entries()) {
    const gets = order[index];
    const isPattern = name === '{}';
    const meant = meanings.get(name.replaceAll('_', '').toLowerCase());
    if (isPattern && gets !== undefined && !objects.includes(gets)) {
      throw wrongShape(`its parameter ${index + 1} takes an object apart, but is given ${gets}`, withRequest);
    }
    if (meant !== undefined && gets !== undefined && meant !== gets) {
      throw wrongShape(`its parameter ${index + 1}, ${name}, would be given ${gets}`, withRequest);
    }
  }
}

function wrongShape(problem: string, withRequest: boolean): TypeError {
  const req = withRequest ? 'req, ' : '';
  return new TypeError(
    `MastodonStrategy: the verify function cannot be called as it is meant: ${problem}. ` +
      `Write async (${req}accessToken, refreshToken, profile) => user, ` +
      `or (${req}accessToken, refreshToken, profile, done), ` +
      `or (${req}accessToken, refreshToken, params, profile, done) with done(null, user). ` +
      (withRequest
        ? 'The request comes first because of passReqToCallback.'
        : 'For the request as first parameter, set passReqToCallback: true.'),
  );
}

/**
 * The names of a function's parameters by its source; `{}` for a pattern, `...name` for a rest parameter.
 * None where the source is not there (bound, native) or not plain enough to be read without a parser.
 */
function parameterNames(source: string): string[] {
  const single = /^(?:async\s+)?([\w$]+)\s*=>/.exec(source);
  if (single?.[1] !== undefined) return [single[1]];
  const list = /^(?:async\b\s*)?(?:function\b\s*)?[\w$]*\s*\(([^()'"`/]*)\)/.exec(source)?.[1];
  if (list === undefined || source.includes('[native code]')) return [];
  return atTopLevel(list)
    .map((text) => text.replace(/=[\s\S]*/, '').trim())
    .map((text) => (/^[{[]/.test(text) ? '{}' : text))
    .filter((text) => text !== '');
}

/** The parts between the commas that stand in no brackets. */
function atTopLevel(list: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const char of list) {
    if ('{['.includes(char)) depth++;
    if ('}]'.includes(char)) depth--;
    if (char === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}
