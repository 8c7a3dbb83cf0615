// Renders the Markdown that models write: paragraphs, headings, lists, quotes, code, emphasis,
// links. It builds elements and never parses HTML, so a reply cannot inject any.

import { h } from "../shared/dom.js";

const INLINE = /(`[^`\n]+`)|(\*\*[^*\n]+\*\*)|(\*[^*\s][^*\n]*\*)|(\[[^\]\n]+\]\(https?:\/\/[^)\s]+\))/;

function inline(text) {
  const nodes = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    if (match.index > 0) nodes.push(rest.slice(0, match.index));
    nodes.push(formatted(match[0]));
    rest = rest.slice(match.index + match[0].length);
  }
  if (rest) nodes.push(rest);
  return nodes;
}

function formatted(token) {
  if (token.startsWith("`")) return h("code", {}, token.slice(1, -1));
  if (token.startsWith("**")) return h("strong", {}, token.slice(2, -2));
  if (token.startsWith("*")) return h("em", {}, token.slice(1, -1));
  const [, label, href] = /^\[(.+)\]\((.+)\)$/.exec(token);
  return h("a", { href, rel: "noopener noreferrer nofollow", target: "_blank" }, label);
}

const BULLET = /^\s*[-*•]\s+/;
const NUMBER = /^\s*(\d{1,9})[.)]\s+/;
const HEADING = /^#{1,6}\s+/;
const QUOTE = /^>\s?/;
const FENCE = /^```/;

function startsBlock(line) {
  return [BULLET, NUMBER, HEADING, QUOTE, FENCE].some((pattern) => pattern.test(line));
}

function endOf(lines, start, matches) {
  let end = start;
  while (end < lines.length && matches(lines[end])) end += 1;
  return end;
}

function list(lines, start, pattern, tag) {
  const end = endOf(lines, start, (line) => pattern.test(line) || /^\s{2,}\S/.test(line));
  const items = [];
  for (const line of lines.slice(start, end)) {
    if (pattern.test(line)) items.push([line.replace(pattern, "")]);
    else items.at(-1).push(line.trim());
  }
  const first = NUMBER.exec(lines[start]);
  const attributes = tag === "ol" && first ? { start: first[1] } : {};
  return [
    h(
      tag,
      attributes,
      items.map((item) => h("li", {}, inline(item.join(" ")))),
    ),
    end,
  ];
}

function block(lines, start) {
  const line = lines[start];
  if (FENCE.test(line)) {
    const end = endOf(lines, start + 1, (other) => !FENCE.test(other));
    return [h("pre", {}, h("code", {}, lines.slice(start + 1, end).join("\n"))), end + 1];
  }
  if (HEADING.test(line)) return [h("h3", {}, inline(line.replace(HEADING, ""))), start + 1];
  if (BULLET.test(line)) return list(lines, start, BULLET, "ul");
  if (NUMBER.test(line)) return list(lines, start, NUMBER, "ol");
  if (QUOTE.test(line)) {
    const end = endOf(lines, start, (other) => QUOTE.test(other));
    const text = lines
      .slice(start, end)
      .map((other) => other.replace(QUOTE, ""))
      .join("\n");
    return [h("blockquote", {}, inline(text)), end];
  }
  const end = Math.max(
    start + 1,
    endOf(lines, start, (other) => other.trim() && !startsBlock(other)),
  );
  const words = lines.slice(start, end).flatMap((other, index) => (index ? [h("br"), inline(other)] : [inline(other)]));
  return [h("p", {}, words), end];
}

/** The elements for this Markdown text. */
export function renderMarkdown(text) {
  const lines = text.split("\n");
  const blocks = [];
  let index = 0;
  while (index < lines.length) {
    if (!lines[index].trim()) {
      index += 1;
      continue;
    }
    const [element, next] = block(lines, index);
    blocks.push(element);
    index = next;
  }
  return blocks;
}
