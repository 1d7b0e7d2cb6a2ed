/** Runs blocks of pages: as JavaScript, and as a module of which the exports are returned. */

import { transformSync } from '@swc/core';
import { createRequire } from 'node:module';

/** The JavaScript of a block of TypeScript. */
export function javaScriptOf(code: string, type: 'commonjs' | 'es6' = 'es6'): string {
  return transformSync(code, {
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type },
  }).code;
}

/** Runs a module. The name of the package resolves to dist/, like in a site's project. */
export function exportsOf<Exports>(
  code: string,
  globals: Readonly<Record<string, unknown>> = {},
): Partial<Exports> {
  const exports: Partial<Exports> = {};
  const given = { exports, require: createRequire(__filename), ...globals };
  new Function(...Object.keys(given), javaScriptOf(code, 'commonjs'))(...Object.values(given));
  return exports;
}

/** The errors of a parser of JavaScript, for which the syntax of TypeScript is an error. */
export function javaScriptErrors(code: string): string[] {
  try {
    transformSync(code, { swcrc: false, jsc: { parser: { syntax: 'ecmascript' } } });
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}
