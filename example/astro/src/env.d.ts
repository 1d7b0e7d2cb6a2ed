/** The content of a session. */

declare namespace App {
  interface SessionData {
    user: { id: string; handle: string; picture: string | undefined };
  }
}
