/** The cases that test/package/any.test.ts has to find. */

/* eslint-disable @typescript-eslint/no-explicit-any -- the purpose of this file */

export function take(what: any): void;
export function give(): any;
export interface Box {
  inside: any;
  many: any[];
  later: Promise<any>;
  named: Record<string, any>;
}
