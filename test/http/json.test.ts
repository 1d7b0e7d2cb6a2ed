/** Which JSON objects are accepted as safe. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import fc from 'fast-check';
import { jsonObject, jsonObjectOfAnyType, jsonObjectOrNone, parseObject } from '../../lib/http/answer.js';
import { answerOf, codeThrownBy } from '../support/records.js';

it.each([
  ['application/json', true],
  ['application/json; charset=utf-8', true],
  ['application/json ;charset=utf-8', true],
  ['APPLICATION/JSON', true],
  ['application/jrd+json', true],
  ['application/vnd.x-y.z+json;v=1', true],
  ['text/json', false],
  ['text/html', false],
  ['application/jsonp', false],
  ['application/json-seq', false],
  ['application/xml+jsonx', false],
  ['application/json, text/html', false],
  ['text/html, application/json', false],
  ['x-application/json', false],
  ['', false],
])('the type %j is JSON: %j', (type, isJSON) => {
  const answer = answerOf(200, '{"a":1}', type);
  expect(jsonObjectOrNone(answer)).toEqual(isJSON ? { a: 1 } : undefined);
  expect(codeThrownBy(() => jsonObject(answer))).toBe(isJSON ? undefined : 'response_invalid');
});

it.each([
  ['application/jrd+json', true],
  ['application/octet-stream', true],
  ['text/plain; charset=utf-8', true],
  ['binary/octet-stream', true],
  ['', true],
  ['text/html; charset=utf-8', false],
  ['application/xhtml+xml', false],
])('in a file on any web server the type %j may be JSON: %j', (type, mayBe) => {
  expect(jsonObjectOfAnyType(answerOf(200, '{"a":1}', type))).toEqual(mayBe ? { a: 1 } : undefined);
  expect(jsonObjectOfAnyType(answerOf(200, 'a = 1', type))).toBeUndefined();
});

it.each(['', 'null', '[]', '1', '"x"', 'NaN', '{', '{}{}', "{'a':1}", 'a=1', '{"a":1}x', '{"a":undefined}'])(
  '%j is no object',
  (text) => {
    expect(codeThrownBy(() => parseObject(text))).toBe('response_invalid');
  },
);

it('nests 64 levels deep and no deeper', () => {
  const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
  expect(parseObject(nested(64))).toHaveProperty('a');
  // With as many objects and lists beside it that the length of the text alone does not show.
  const wide = (levels: number) => `{"b":[[],{},[]],${nested(levels).slice(1)}`;
  expect(parseObject(wide(64))).toHaveProperty('a');
  expect(codeThrownBy(() => parseObject(wide(65)))).toBe('response_invalid');
  expect(codeThrownBy(() => parseObject(nested(65)))).toBe('response_invalid');
  expect(parseObject(`{"a":"${'[{'.repeat(1000)}","b":"\\"${'['.repeat(1000)}"}`)).toHaveProperty('b');
});

it('has no key __proto__ at any level', () => {
  const text =
    '{"__proto__":{"x":1},"a":[{"__proto__":{"x":1},"\\u005f_proto__":2}],"constructor":{"prototype":1}}';
  const value = parseObject(text);
  expect(JSON.stringify(value)).toBe('{"a":[{}],"constructor":{"prototype":1}}');
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect((value as { x?: unknown }).x).toBeUndefined();
});

it('is returned unchanged if it is not an object, also at the deepest level and beside a key __proto__', () => {
  const deepest = `{"a":${'['.repeat(63)}1,"x",null${']'.repeat(63)},"b":[]}`;
  expect(JSON.stringify(parseObject(deepest))).toBe(deepest);
  expect(parseObject('{"a":null,"b":[null,1,"x"],"__proto__":null}')).toEqual({ a: null, b: [null, 1, 'x'] });
});

it('costs far less than a reviver, for every text', () => {
  // In a separate process, because Jest makes the code that it runs many times slower.
  const program = `
    const { parseObject } = require('./lib/http/answer.ts');
    const cpuMs = (work) => Math.min(...Array.from({ length: 25 }, () => {
      const before = process.cpuUsage();
      work();
      // Their sum is measured; the system only estimates how it is split.
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    }));
    const filled = (piece) => '{"a":[' + piece.repeat(29000 / piece.match(/[,[{]/g).length) + '0]}';
    const texts = ['[[[[[[]]]]]],', '0,', '{"\\u0061":{}},', '"\\u0061",'].map(filled);
    console.log(JSON.stringify(texts.map((text) => [cpuMs(() => JSON.parse(text, (_key, value) => value)), cpuMs(() => parseObject(text))])));
  `;
  const loader = join(__dirname, '../support/from-source.js');
  const printed = execFileSync(process.execPath, ['--require', loader, '--eval', program], {
    cwd: join(__dirname, '../..'),
    encoding: 'utf8',
  });
  for (const [withReviver, taken] of JSON.parse(printed) as [number, number][]) {
    expect(taken).toBeLessThan(0.8 * withReviver);
  }
});

it('has at most 30,000 values, which are counted before the text is parsed', () => {
  const many = (piece: string, count: number) => `{"a":[${piece.repeat(count - 2)}0]}`;
  expect(parseObject(many('0,', 30_000))).toHaveProperty('a');
  for (const text of [
    many('0,', 30_001),
    many('{},', 15_100),
    many('[],', 15_100),
    `{"a":${'['.repeat(126_000)}`,
  ])
    expect(codeThrownBy(() => parseObject(text))).toBe('response_too_large');
  // A long text is one value.
  expect(parseObject(JSON.stringify({ a: 'x'.repeat(1_000_000) }))).toHaveProperty('a');
});

it('does not repeat the text in its errors', () => {
  for (const text of ['{"access_token":"SECRET"', 'SECRET', '"SECRET"']) {
    try {
      parseObject(text);
    } catch (error) {
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('SECRET');
      expect(String((error as Error).cause)).not.toContain('SECRET');
    }
  }
});

it('agrees with JSON.parse on every object', () => {
  const object = fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    fc.jsonValue({ maxDepth: 4 }),
  );
  fc.assert(
    fc.property(object, (value) => {
      const text = JSON.stringify(value);
      fc.pre(!text.includes('__proto__'));
      expect(parseObject(text)).toEqual(JSON.parse(text));
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const outcome = codeThrownBy(() => parseObject(text));
      return outcome === undefined || outcome === 'response_invalid';
    }),
    { numRuns: 5000 },
  );
});

it.each([
  ['another type', '{}', 'text/html', /type/],
  ['malformed JSON', '{', 'application/json', /malformed/],
  ['a list', '[]', 'application/json', /not an object/],
  ['a hundred lists in each other', `{"a":${'['.repeat(100)}${']'.repeat(100)}}`, 'application/json', /deep/],
])('the error for an answer with %s names the server, and its cause the reason', (_what, text, type, why) => {
  const read = () => jsonObject(answerOf(200, text, type));
  expect(read).toThrow(/^The server social\.example /);
  expect(read).toThrow(
    expect.objectContaining({
      cause: expect.objectContaining({ message: expect.stringMatching(why) as unknown }) as unknown,
    }),
  );
});
