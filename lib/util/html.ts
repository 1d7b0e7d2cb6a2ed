/** Escapes text for HTML. */

/** Text for element content and for quoted attributes. */
export function escapeHTML(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}
