/** How server families compare the requested scopes with those of the app. */

import type { ScopeHabits } from './persona.js';

export function splitScopes(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter(Boolean);
}

export function allowsScopes(
  habits: ScopeHabits,
  ofApp: readonly string[],
  asked: readonly string[],
): boolean {
  if (habits.compare === 'never') return true;
  // A scope that an upgrade has taken away is gone from the apps that were registered with it, too.
  if (habits.unknownAtApps === 'refuse' && !asked.every((scope) => habits.known.includes(scope)))
    return false;
  if (habits.compare === 'covers') return asked.every((scope) => ofApp.some((own) => covers(own, scope)));
  // Real servers also accept fewer scopes than registered; a client that asks for others than it registered
  // has made a mistake all the same, and the stand-in shows it.
  return asked.length === ofApp.length && asked.every((scope) => ofApp.includes(scope));
}

function covers(own: string, asked: string): boolean {
  return own === asked || asked.startsWith(`${own}:`) || (asked === 'profile' && own.startsWith('read'));
}
