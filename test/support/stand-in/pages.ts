/** The instance's HTML: forms that a visitor without JavaScript can send. */

export const signInField = '<input type="text" name="username"><input type="password" name="password">';

export const deniedPage = '<!doctype html><title>Denied</title><p>You may close this page.</p>';

/** One form to allow and, where the family has that button, a second one to deny. */
export function consentPage(query: Record<string, string>, canDeny: boolean): string {
  const allow = formPage('/oauth/authorize', { ...query, decision: 'allow' });
  return canDeny ? allow + formPage('/oauth/authorize', { ...query, decision: 'deny' }) : allow;
}

export function formPage(action: string, hidden: Record<string, string>, visible = ''): string {
  const fields = Object.entries(hidden).map(
    ([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`,
  );
  return `<form method="post" action="${escape(action)}">${fields.join('')}${visible}<button>Go on</button></form>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
