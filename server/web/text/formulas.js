// Formulas in TeX: finds them in Markdown, and draws them as MathML, which needs neither fonts nor styles.
// KaTeX is loaded when a reply first has one. What it does not understand is shown as it was written.

import { toFormula } from "./sanitize.js";

const MAX_LENGTH = 2000;
const OPTIONS = { output: "mathml", throwOnError: true, trust: false, strict: "ignore", maxSize: 20, maxExpand: 200 };

// Dollars are money, too: an opening one has no space after it, a closing one none before it and no digit after it.
const INLINE =
  /^(?:\$\$([^$]+?)\$\$|\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|\$(?!\s|\$)((?:\\.|[^$\\\n])+?)(?<!\s)\$(?![\d$]))/;
const BLOCK = /^ {0,3}(?:\$\$([^$]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n+|$)/;

function token(type, match, text, isDisplay) {
  return text.length <= MAX_LENGTH ? { type, raw: match[0], text: text.trim(), isDisplay } : undefined;
}

/** An extension of marked: its elements are `code` of the classes `formula` and, on a line of its own, `display`. */
export function formulaExtension(escape) {
  const draw = ({ text, isDisplay }) => `<code class="formula${isDisplay ? " display" : ""}">${escape(text)}</code>`;
  return {
    extensions: [
      {
        name: "formula",
        level: "inline",
        start: (source) => source.match(/(?<![\w$\\])\$|\\[([]/)?.index,
        tokenizer(source) {
          const match = INLINE.exec(source);
          if (!match) return undefined;
          const [, dollars, brackets, parentheses, dollar] = match;
          const text = dollars ?? brackets ?? parentheses ?? dollar;
          return token("formula", match, text, (dollars ?? brackets) !== undefined);
        },
        renderer: draw,
      },
      {
        name: "formulaBlock",
        level: "block",
        start: (source) => source.match(/^ {0,3}(?:\$\$|\\\[)/m)?.index,
        tokenizer(source) {
          const match = BLOCK.exec(source);
          return match ? token("formulaBlock", match, match[1] ?? match[2], true) : undefined;
        },
        renderer: (each) => `<p>${draw(each)}</p>`,
      },
    ],
  };
}

/** @type {any} */
let katex = null;

/** Draws the formula in the place of this element, at once if KaTeX is there. */
export async function typeset(element) {
  try {
    if (!katex) {
      await import("../vendor/katex.min.js");
      katex = Reflect.get(globalThis, "katex");
    }
    const displayMode = element.classList.contains("display");
    const html = katex.renderToString(element.textContent, { ...OPTIONS, displayMode });
    element.replaceWith(toFormula(html));
  } catch {
    // It is no formula that KaTeX knows, or the server cannot be reached.
  }
}
