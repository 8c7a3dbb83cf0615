// Text files in a message. A file stands behind the text, in a fence under its name, so every device
// finds it again in the stored message.

import { formatBytes } from "../shared/format.js";
import { h } from "../shared/dom.js";

const MAX_BYTES = 200_000;
const IN_MESSAGE = /(?:^|\n\n)File (.{1,200}):\n(`{3,})\n([\s\S]*?)\n\2(?=\n\nFile |\s*$)/g;

/** The text of a file. Throws an `Error` with a sentence if it is no text, or too long. */
export async function readText(file) {
  if (/^(?:image|audio|video)\//.test(file.type)) {
    throw new Error(`${file.name} is no text: this model reads only text. Describe in words what it shows.`);
  }
  if (file.size > MAX_BYTES) {
    throw new Error(`${file.name} has ${formatBytes(file.size)}; the most is ${formatBytes(MAX_BYTES)}.`);
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!text.includes("\0")) return text.replace(/\r\n?/g, "\n");
  } catch {
    // Not UTF-8.
  }
  throw new Error(`${file.name} is not a text file in UTF-8, so the model cannot read it.`);
}

/** The message with its files, each {name, text}. */
export function withFiles(text, files) {
  return [text, ...files.map(inMessage)].filter(Boolean).join("\n\n");
}

function inMessage({ name, text }) {
  const longest = Math.max(2, ...(text.match(/`{3,}/g) ?? []).map((fence) => fence.length));
  const fence = "`".repeat(longest + 1);
  return `File ${name.replaceAll("\n", " ").slice(0, 200)}:\n${fence}\n${text}\n${fence}`;
}

/** The elements of a message: its text, and each file collapsed. */
export function messageElements(message) {
  const files = [...message.matchAll(IN_MESSAGE)];
  const text = message.replace(IN_MESSAGE, "").trim();
  return [
    text && h("div", { dir: "auto" }, text),
    files.map(([, name, , content]) =>
      h(
        "details",
        { class: "attachment" },
        h("summary", {}, `${name} · ${formatBytes(new Blob([content]).size)}`),
        h("pre", { tabindex: 0 }, content),
      ),
    ),
  ];
}
