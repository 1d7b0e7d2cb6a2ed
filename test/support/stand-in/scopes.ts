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
  // A scope that an upgrade has removed is also removed from the apps that were registered with it.
  if (habits.unknownAtApps === 'refuse' && !asked.every((scope) => habits.known.includes(scope)))
    return false;
  if (habits.compare === 'covers') return asked.every((scope) => ofApp.some((own) => covers(own, scope)));
  // Real servers also accept fewer scopes than registered. A client that asks for scopes that it did not register
  // has
  // made a mistake, and the stand-in shows it.
  return asked.length === ofApp.length && asked.every((scope) => ofApp.includes(scope));
}

function covers(own: string, asked: string): boolean {
  return own === asked || asked.startsWith(`${own}:`) || (asked === 'profile' && own.startsWith('read'));
}
