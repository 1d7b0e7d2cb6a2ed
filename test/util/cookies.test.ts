/** Which cookies of a request count as the site's own. */

import { cookieValues } from '../../lib/util/cookies.js';

const name = '__Host-mastodon-login';

it.each([
  ['a=1', [['a', '1']]],
  [
    'a=1; b=2',
    [
      ['a', '1'],
      ['b', '2'],
    ],
  ],
  [
    'a=1;b=2;\tc=3 ',
    [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ],
  ],
  [
    'a=1; a=2',
    [
      ['a', '1'],
      ['a', '2'],
    ],
  ],
  ['a=b=c', [['a', 'b=c']]],
  ['a=', [['a', '']]],
  ['', []],
  [undefined, []],
  [null, []],
])('%j is read as %j', (header, expected) => {
  for (const name of ['a', 'b', 'c']) {
    const values = expected.flatMap(([found, value]) => (found === name ? [value] : []));
    expect(cookieValues(header, name)).toEqual(values);
  }
});

it.each([
  ['a Unicode space before the name', `\u00a0${name}=planted`],
  ['another one', `a=1; \u2003${name}=planted`],
  ['a byte order mark', `\ufeff${name}=planted`],
  ['a vertical tab', `\v${name}=planted`],
  ['a space after the name', `${name} =planted`],
  ['another case', `${name.toUpperCase()}=planted`],
  ['no value', name],
  ['no name', '=planted'],
  ['a Unicode space after the value', `${name}=planted\u00a0`],
  ['a value in quotes', `${name}="planted"`],
  ['an old version of cookies', `$Version=1, ${name}=planted`],
])('a cookie with %s is not the one with the exact name', (_what, header) => {
  expect(cookieValues(header, name)).toEqual([]);
});

it('names like those of object members are ordinary names', () => {
  expect(cookieValues('__proto__=1; constructor=2', '__proto__')).toEqual(['1']);
});
