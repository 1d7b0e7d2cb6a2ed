/**
 * Loaded before an example that npm starts, in the same process: `node --import ./scripts/start.mjs
 * example/server.js`.
 */

const { ppid } = process;
await import('./build-once.mjs');

// A signal for npm reaches only the shell in between, which may end alone. (The terminal's Ctrl+C reaches all of
// them.)
const watch = setInterval(() => {
  if (process.ppid === ppid) return;
  clearInterval(watch);
  process.kill(process.pid, 'SIGTERM');
}, 250).unref();
