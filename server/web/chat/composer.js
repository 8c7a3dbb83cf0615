// The field for a message: files, drafts, sending with Enter.

import { toast } from "../shared/dialogs.js";
import { autosize, byId, h, icon, iconButton, put } from "../shared/dom.js";
import { readText, withFiles } from "./attachments.js";

const MAX_FILES = 5;

export class Composer {
  /** `onSend(text)` returns whether the message was taken; `onDraft(text)` is called while one types. */
  constructor({ onSend, onDraft }) {
    this.field = byId("message");
    this.onSend = onSend;
    this.files = [];
    this.fit = autosize(this.field);
    const picker = byId("file");
    byId("send").append(icon("send"));
    byId("attach").append(icon("clip"));
    byId("attach").addEventListener("click", () => picker.click());
    picker.addEventListener("change", () => {
      this.#attach([...picker.files]);
      picker.value = "";
    });
    byId("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.field.addEventListener("input", () => onDraft(this.field.value));
    this.field.addEventListener("paste", (event) => this.#take(event, event.clipboardData));
    byId("compose").addEventListener("dragover", (event) => event.preventDefault());
    byId("compose").addEventListener("drop", (event) => this.#take(event, event.dataTransfer));
  }

  /** Shows this text, without files. */
  set(text) {
    this.field.value = text;
    this.files = [];
    this.#showFiles();
    this.fit();
  }

  focus() {
    if (matchMedia("(hover: hover)").matches) this.field.focus();
  }

  #submit() {
    const text = withFiles(this.field.value.trim(), this.files);
    if (text && this.onSend(text)) this.set("");
  }

  #take(event, { files }) {
    if (!files.length) return;
    event.preventDefault();
    this.#attach([...files]);
  }

  async #attach(files) {
    for (const file of files) {
      try {
        if (this.files.length >= MAX_FILES) throw new Error(`A message takes at most ${MAX_FILES} files.`);
        this.files.push({ name: file.name, text: await readText(file) });
      } catch (error) {
        toast(error.message, { isError: true });
      }
    }
    this.#showFiles();
    this.field.focus();
  }

  #showFiles() {
    put(
      byId("files"),
      this.files.map((file) =>
        h(
          "li",
          { class: "badge" },
          file.name,
          iconButton("close", `Remove ${file.name}`, () => {
            this.files = this.files.filter((each) => each !== file);
            this.#showFiles();
            this.field.focus();
          }),
        ),
      ),
    );
  }
}
