// @ts-check
/** The pictures of the pages. They are decoration: the words beside them say the same. */

const { html } = require('./html.js');

const drawings = {
  leaf: html`<path d="M5.5 18.5C3 9.5 9 4 20.5 3.5 21 15 15 21 5.5 18.5Z" /> <path d="M3 21.5 13.5 10.5" />`,
  elephant: html`<path d="M9 4.5h4.5a5.5 5.5 0 0 1 5.5 5.5v6.5a1.5 1.5 0 0 0 3 0V16" />
    <path d="M14.5 14v6.5h-3v-3.5h-3v3.5h-3v-9" />
    <path d="M10 4.5C5.5 3 2.5 5.5 3 9.5c.4 3 2.5 4.5 5 3.5 2.5-1 3-4.5 2-8.5Z" />
    <path d="M14.7 9.5h.01" />`,
  tick: html`<path d="m5 12.5 4.5 4.5L19 7.5" />`,
  warning: html`<path d="M12 3.5 22 20.5H2Z" /> <path d="M12 10v4.5M12 17.5h.01" />`,
};

/** @param {keyof typeof drawings} name */
function icon(name) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    ${drawings[name]}
  </svg>`;
}

/** An icon as a file of its own. @param {keyof typeof drawings} name @param {string} colour @returns {string} */
function iconFile(name, colour) {
  return html`<svg
    xmlns="http://www.w3.org/2000/svg"
    viewBox="0 0 24 24"
    fill="none"
    stroke="${colour}"
    stroke-width="2"
    stroke-linecap="round"
    stroke-linejoin="round"
  >
    ${drawings[name]}
  </svg>`.text;
}

module.exports = { icon, iconFile };
