/** Collects the process warnings that a test causes. */

import { emittedWarnings } from '../../lib/events.js';

type Warning = readonly [text: string, code: string | undefined];

let warnings: Warning[] = [];

/**
 * In each test of the file NODE_ENV is unset, like while a site is built, and warnings are collected in place of
 * printed.
 */
export function inDevelopment(): void {
  let environment: string | undefined;
  beforeEach(() => {
    environment = process.env['NODE_ENV'];
    delete process.env['NODE_ENV'];
    emittedWarnings.clear();
    warnings = [];
    jest.spyOn(process, 'emitWarning').mockImplementation((text, options) => {
      warnings.push([String(text), (options as { code?: string } | undefined)?.code]);
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
    process.env['NODE_ENV'] = environment;
  });
}

/** @param but codes to leave out */
export const allWarnings = (...but: string[]) => warnings.filter(([, code = '']) => !but.includes(code));

export const warningsOf = (code: string) =>
  warnings.filter(([, given]) => given === code).map(([text]) => text);
