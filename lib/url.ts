/** Whether a text is a URL, asked in a way that holds. */

/**
 * As `URL.canParse`, which Node.js 20 answers wrongly for some texts beyond ASCII once it has been called often: `new URL`
 * then throws for what was said to be readable, and a stranger chooses the text.
 */
export function canParse(text: string, base?: string): boolean {
  try {
    new URL(text, base);
    return true;
  } catch {
    return false;
  }
}
