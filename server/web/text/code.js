// Colours code. highlight.js and its languages are loaded when a reply first needs them.

import { toElements } from "./sanitize.js";

const MAX_LENGTH = 50000;
const ALIASES = {
  bash: ["console", "sh", "shell", "zsh"],
  cpp: ["c", "c++", "cc", "h", "hpp"],
  css: [],
  go: ["golang"],
  java: [],
  javascript: ["cjs", "js", "jsx", "mjs"],
  json: ["json5", "jsonc"],
  python: ["py", "py3", "python3"],
  rust: ["rs"],
  sql: ["mysql", "postgresql", "sqlite"],
  typescript: ["ts", "tsx"],
  xml: ["html", "svg", "xhtml"],
};
const NAMES = new Map(
  Object.entries(ALIASES).flatMap(([name, others]) => [name, ...others].map((each) => [each, name])),
);

/** @type {any} */
let core = null;

async function highlighter(name) {
  core ??= (await import("../vendor/highlight-core.min.js")).default;
  if (!core.getLanguage(name)) {
    const grammar = await import(`../vendor/highlight-${name}.min.js`);
    core.registerLanguage(name, grammar.default);
  }
  return core;
}

/** Colours the code in an element. In an unknown language, or if it is very long, it stays as it is. */
export async function colour(element, language) {
  const name = NAMES.get(language.toLowerCase());
  const text = element.textContent;
  if (!name || text.length > MAX_LENGTH) return;
  try {
    const { value } = (await highlighter(name)).highlight(text, { language: name });
    element.replaceChildren(toElements(value));
  } catch {
    // The server cannot be reached: the code is shown without colours.
  }
}
