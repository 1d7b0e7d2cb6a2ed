// @ts-check
/** The fictional people of the demonstration instance, and their pictures. */

const { html } = require('./html.js');

/** @typedef {{ id: string, username: string, displayName: string, note: string, colours: [string, string], initial: string }} Account */

/** @type {Account[]} */
const accounts = [
  {
    id: '1',
    username: 'wren',
    displayName: 'Wren Okafor',
    note: 'Keeps bees, and notes about bees.',
    colours: ['#2f6f5e', '#d9efe2'],
    initial: 'W',
  },
  {
    id: '2',
    username: 'tove',
    displayName: 'Tove Lindqvist 🌿',
    note: 'Ferns, mosses, slow trains.',
    colours: ['#7a4b9d', '#efe3f8'],
    initial: 'T',
  },
  {
    id: '3',
    username: 'mallory',
    displayName: 'Mallory <script>alert("hi")</script>',
    note: 'Tries what a site does with a name like this one.',
    colours: ['#9c3d2e', '#fbe4dd'],
    initial: 'M',
  },
];

/** @param {Account} account @returns {string} an SVG document */
function avatar({ colours: [dark, light], initial }) {
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="192" height="192">
    <rect width="96" height="96" fill="${light}" />
    <circle cx="78" cy="16" r="30" fill="${dark}" opacity=".18" />
    <circle cx="14" cy="88" r="36" fill="${dark}" opacity=".28" />
    <text
      x="48"
      y="64"
      text-anchor="middle"
      font-family="Georgia, serif"
      font-size="46"
      font-weight="700"
      fill="${dark}"
    >
      ${initial}
    </text>
  </svg>`.text;
}

module.exports = { accounts, avatar };
