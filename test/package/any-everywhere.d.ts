/** What test/package/any.test.ts has to see. */

/* eslint-disable @typescript-eslint/no-explicit-any -- that is what it is for */

export function take(what: any): void;
export function give(): any;
export interface Box {
  inside: any;
  many: any[];
  later: Promise<any>;
  named: Record<string, any>;
}
