// Renders the Markdown that models write: marked parses it, DOMPurify checks the result. HTML in a
// reply is shown as text. Pictures are shown as links, so that nothing is loaded from elsewhere.

import { copy } from "../shared/dialogs.js";
import { h, iconButton } from "../shared/dom.js";
import { Marked } from "../vendor/marked.esm.js";
import { colour } from "./code.js";
import { formulaExtension, typeset } from "./formulas.js";
import { toElements } from "./sanitize.js";

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escape(text) {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]);
}

const marked = new Marked(formulaExtension(escape), {
  gfm: true,
  breaks: true,
  renderer: {
    html({ text, block }) {
      if (/^<br\s*\/?>$/i.test(text)) return "<br>";
      return block ? `<p>${escape(text.trimEnd()).replaceAll("\n", "<br>")}</p>` : escape(text);
    },
    code({ text, lang }) {
      const language = (lang ?? "").match(/^[\w+#.-]{0,30}/)?.[0] ?? "";
      return `<pre data-language="${escape(language)}"><code>${escape(text)}</code></pre>`;
    },
    image({ href, text }) {
      return `<a href="${escape(href)}">${escape(text || href)}</a>`;
    },
    checkbox({ checked }) {
      return `<span class="check">${checked ? "☑" : "☐"}</span> `;
    },
  },
});

function lex(text) {
  return marked.lexer(text.replace(/\r\n?/g, "\n"));
}

/** The elements of these tokens, and the level of the last heading. No heading skips a level. */
function elementsOf(tokens, level, isFinished) {
  const fragment = toElements(marked.parser(tokens));
  for (const heading of fragment.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    level = Math.min(level + 1, Number(heading.localName[1]) + 1, 6);
    heading.replaceWith(h(`h${level}`, {}, ...heading.childNodes));
  }
  for (const link of fragment.querySelectorAll("a")) completeLink(link);
  for (const code of fragment.querySelectorAll("pre")) code.replaceWith(codeBlock(code, isFinished));
  for (const formula of fragment.querySelectorAll("code.formula")) typeset(formula);
  for (const table of fragment.querySelectorAll("table")) {
    const scroll = h("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Table" });
    table.replaceWith(scroll);
    scroll.append(table);
  }
  for (const block of fragment.querySelectorAll("p, ul, ol, table, blockquote, h2, h3, h4, h5, h6")) block.dir = "auto";
  return { nodes: [...fragment.childNodes], level };
}

function completeLink(link) {
  if (!link.hasAttribute("href")) {
    link.replaceWith(...link.childNodes);
    return;
  }
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
}

function codeBlock(pre, isFinished) {
  const { language } = pre.dataset;
  const [code] = pre.children;
  if (isFinished && language) colour(code, language);
  return h(
    "figure",
    { class: "code" },
    h(
      "figcaption",
      {},
      h("span", {}, language || "code"),
      iconButton("copy", "Copy the code", () => copy(code.textContent)),
    ),
    h("pre", { tabindex: 0, dir: "ltr" }, code),
  );
}

/** The elements for this Markdown text. */
export function renderMarkdown(text) {
  return elementsOf(lex(text), 1, true).nodes;
}

/**
 * Draws Markdown that is still being written. Finished blocks are drawn once; only the last two are
 * drawn again, so the work does not grow with the length of the reply.
 */
export class GrowingMarkdown {
  #finished = "";
  #level = 1;
  #open = [];

  constructor(element) {
    this.element = element;
  }

  /** Draws the text so far. It begins with the text of the last call. */
  show(text) {
    const written = text.replace(/\r\n?/g, "\n");
    const tokens = lex(written.slice(this.#finished.length));
    const blocks = tokens.filter((token) => token.type !== "space");
    const numFinished = blocks.length > 2 ? tokens.indexOf(blocks.at(-2)) : 0;
    for (const node of this.#open) node.remove();
    const settled = tokens.slice(0, numFinished);
    if (numFinished > 0) {
      const { nodes, level } = elementsOf(settled, this.#level, true);
      this.element.append(...nodes);
      this.#level = level;
      this.#finished += settled.map((token) => token.raw).join("");
    }
    this.#open = elementsOf(tokens.slice(numFinished), this.#level, false).nodes;
    this.element.append(...this.#open);
  }
}
