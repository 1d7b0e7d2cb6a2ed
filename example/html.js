// @ts-check
/** Templates that escape: in html`…${text}…` every value is text, and only a template's own result is HTML. */

/** HTML made by a template of this file, which needs no escaping. */
class Html {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '`': '&#96;' };

/**
 * Values go into element content and into quoted attributes. `undefined`, `false` and `null` become the empty text, and an
 * array becomes the texts of its elements.
 * @param {TemplateStringsArray} strings
 * @param {...unknown} values
 * @returns {Html}
 */
function html(strings, ...values) {
  return new Html(strings.reduce((text, part, i) => text + render(values[i - 1]) + part));
}

/** @param {unknown} value @returns {string} */
function render(value) {
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map(render).join('');
  if (value === undefined || value === null || value === false) return '';
  return String(value).replace(/[&<>"'`]/g, (character) => entities[/** @type {'&'} */ (character)]);
}

/**
 * HTML from elsewhere that has escaped its values itself, such as the button's form.
 * @param {string} text
 */
function trusted(text) {
  return new Html(text);
}

/**
 * For `href`: a link whose address came from outside must not run as a script.
 * @param {unknown} url
 * @returns {string | undefined} only what is http or https
 */
function webAddress(url) {
  return typeof url === 'string' && /^https?:\/\//i.test(url) && URL.canParse(url) ? url : undefined;
}

module.exports = { html, trusted, webAddress };
