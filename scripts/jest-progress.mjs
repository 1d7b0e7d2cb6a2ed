/**
 * A reporter for tests in one process: it names a test that fails, or takes long, at once. Jest itself does so at
 * the end of a file, which a hanging run never reaches.
 */

const slowMs = 70_000;

export default class Progress {
  /** By the full name of the test. */
  running = new Map();

  onTestCaseStart(_test, { fullName }) {
    const say = () => console.error(`still running: ${fullName}`);
    this.running.set(fullName, setTimeout(say, slowMs).unref());
  }

  onTestCaseResult(_test, { fullName, status, duration }) {
    clearTimeout(this.running.get(fullName));
    this.running.delete(fullName);
    if (status === 'failed') console.error(`failed: ${fullName} (${Math.round(duration ?? 0)} ms)`);
  }
}
