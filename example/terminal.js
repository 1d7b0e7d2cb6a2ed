// @ts-check
/** The output and the questions of a terminal program that logs in. */

const { createInterface } = require('node:readline');
const { renderUnicodeCompact } = require('uqr');

/** Without a terminal, for example in a pipe: plain lines that stay. */
const isTerminal = process.stdout.isTTY === true;

/** An error with a message for the user; every other error is a fault of this program. */
class Failure extends Error {}

/** Reads answers line by line, from a person or from a pipe. */
class Questions {
  /**
   * Made at the first question, so that a program without questions reads nothing.
   * @type {AsyncIterator<string> | undefined}
   */
  #lines;

  /** A question that is still open after a lost connection is not asked twice. @type {Promise<string> | undefined} */
  #open;

  /** @param {string} question @returns {Promise<string>} never empty */
  ask(question) {
    this.#open ??= this.#read(question).finally(() => (this.#open = undefined));
    return this.#open;
  }

  /** @param {string} question */
  async #read(question) {
    this.#lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    for (;;) {
      process.stdout.write(isTerminal ? question : `${question}\n`);
      const { value, done } = await this.#lines.next();
      if (done) throw new Failure('No answer, so no login.');
      if (value.trim() !== '') return value.trim();
    }
  }
}

/** Shows the remaining time: every second on one line in a terminal, otherwise now and then on a new line. */
class Countdown {
  /** @param {number} end milliseconds since the epoch */
  start(end) {
    this.stop();
    let said = '';
    const tick = () => {
      const seconds = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      const text = isTerminal ? clock(seconds) : roughly(seconds);
      if (text === said) return;
      said = text;
      if (isTerminal) process.stdout.write(`\r\x1b[KWaiting for you: ${text} left `);
      else say(`Waiting for you: ${text} left`);
    };
    tick();
    this.timer = setInterval(tick, 250);
  }

  stop() {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    if (isTerminal) process.stdout.write('\r\x1b[K');
  }
}

/**
 * Shows where to continue, and the code to compare there.
 * @param {string} address
 * @param {string | undefined} code
 */
function showAddress(address, code) {
  say(`\nOpen this address in a browser:\n\n  ${address}\n`);
  if (isTerminal) say(`${qrCode(address)}\n`);
  if (code) say(`The page must show this code: ${plain(code)}\nIf it shows another one, close it.\n`);
}

/** White on black, whatever the terminal's colours are, because scanners need it. @param {string} text */
function qrCode(text) {
  const lines = renderUnicodeCompact(text, { border: 2 }).split('\n');
  return lines.map((line) => `  \x1b[97;40m${line}\x1b[0m`).join('\n');
}

/** @param {number} seconds */
function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** @param {number} seconds */
function roughly(seconds) {
  if (seconds > 90) return `${Math.round(seconds / 60)} minutes`;
  return `${Math.ceil(seconds / 30) * 30} seconds`;
}

/** External text without control characters. @param {unknown} value */
function plain(value) {
  return typeof value === 'string'
    ? value.replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '')
    : '';
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`${text}\n`);
}

module.exports = { Countdown, Failure, Questions, isTerminal, plain, say, showAddress };
