// Turns HTML into elements. Only what replies may have is left: no scripts, styles, images, forms.

import "../vendor/purify.min.js";

const purify = globalThis.DOMPurify;

const ALLOWED = {
  ALLOWED_TAGS: [
    ...["a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre"],
    ...["span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"],
  ],
  ALLOWED_ATTR: ["align", "class", "data-language", "href", "start"],
  ADD_URI_SAFE_ATTR: ["align", "data-language", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** The elements of this HTML, as a document fragment. */
export function toElements(html) {
  return purify.sanitize(html, ALLOWED);
}

// KaTeX's MathML with the source taken out, which only its `annotation` has.
const MATHML = {
  USE_PROFILES: { mathMl: true },
  ADD_TAGS: ["semantics"],
  FORBID_ATTR: ["class", "href", "id", "style", "xlink:href"],
  FORBID_CONTENTS: ["annotation"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** The elements of a formula in MathML, as a document fragment. */
export function toFormula(html) {
  return purify.sanitize(html, MATHML);
}
