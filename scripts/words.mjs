/** An ESLint rule that finds the words of words.json, which this project does not use in prose and names. */

import { createRequire } from 'node:module';

/** Patterns of whole words, in lower case, and the advice. */
const avoided = createRequire(import.meta.url)('./words.json');

const pattern = new RegExp(`\\b(?:${Object.keys(avoided).join('|')})\\b`, 'giu');

/** @returns the avoided words in a text, each with its advice */
function avoidedIn(text) {
  return [...text.matchAll(pattern)].map(([word]) => {
    const [, advice] =
      Object.entries(avoided).find(([words]) => new RegExp(`^(?:${words})$`, 'iu').test(word)) ?? [];
    return { word, advice };
  });
}

/** `maxDoorsOpen` → `max doors open`. */
const wordsOf = (name) => name.replace(/([a-z\d])([A-Z])/g, '$1 $2').replace(/[_$]+/g, ' ');

const rule = {
  meta: { type: 'suggestion', schema: [], messages: { avoided: 'Write {{advice}} instead of “{{word}}”.' } },
  create(context) {
    const check = (loc, text) => {
      for (const data of avoidedIn(text)) context.report({ loc, messageId: 'avoided', data });
    };
    return {
      Program() {
        for (const { loc, value } of context.sourceCode.getAllComments()) check(loc, value);
      },
      Literal: ({ loc, value }) => typeof value === 'string' && check(loc, value),
      TemplateElement: ({ loc, value }) => check(loc, value.cooked ?? value.raw),
      Identifier: ({ loc, name }) => check(loc, wordsOf(name)),
    };
  },
};

export const plainWords = { rules: { 'plain-words': rule } };
