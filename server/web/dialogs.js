// Questions, secrets and short notices.

import { byId, h } from "./dom.js";

/** Shows a dialog over the page until it is closed. */
export function openDialog(dialog) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}

/** A short notice at the foot of the page; errors stay longer. */
export function toast(text, { isError = false } = {}) {
  const notice = h("div", { class: isError ? "toast bad" : "toast", role: isError ? "alert" : "status" }, text);
  byId("toasts").append(notice);
  setTimeout(() => notice.remove(), isError ? 9000 : 4500);
}

/** Asks before an act; resolves to whether the person agreed. `typed` must be typed first. */
export function confirmed({ title, text, action, isDanger = false, typed = null }) {
  return new Promise((resolve) => {
    const agree = h("button", { class: isDanger ? "danger" : "primary", value: "yes", disabled: typed !== null }, action);
    const field = h("input", { autocomplete: "off", oninput: () => { agree.disabled = field.value.trim() !== typed; } });
    const dialog = h(
      "dialog",
      { "aria-labelledby": "confirm-title" },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "confirm-title" }, title),
        h("p", { class: "muted" }, text),
        typed === null ? null : h("label", {}, `Type “${typed}” to go on`, field),
        h("div", { class: "row" }, h("button", { value: "no", type: "button", onclick: () => dialog.close("no") }, "Cancel"), agree),
      ),
    );
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
    openDialog(dialog);
  });
}

/** Shows a key that will never be shown again, with a link that opens the chat with it. */
export function showKey({ name, key }) {
  const link = `${location.origin}/#key=${encodeURIComponent(key)}`;
  const dialog = h(
    "dialog",
    { "aria-labelledby": "secret-title" },
    h(
      "div",
      { class: "stack" },
      h("h2", { id: "secret-title" }, `The key of ${name}`),
      h("p", { class: "muted" }, "It is shown this once; only its hash is kept. Hand it over privately."),
      h("code", { class: "secret", id: "new-key" }, key),
      h("p", { class: "small" }, "Opens the chat, signed in: ", h("a", { href: link }, "chat link")),
      h(
        "div",
        { class: "row" },
        h("button", { type: "button", onclick: () => copy(key) }, "Copy key"),
        h("button", { type: "button", onclick: () => copy(link) }, "Copy link"),
        h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, "Done"),
      ),
    ),
  );
  openDialog(dialog);
}

/** Puts text on the clipboard, and says so. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    toast("The browser does not allow copying here; select the text instead.", { isError: true });
  }
}

/** Asks for a key; `check` tries it and throws with the reason why not. Resolves when it works. */
export function askForKey({ reason, isCalm = false, check }) {
  return new Promise((resolve) => {
    const field = h("input", { id: "key", name: "key", type: "password", autocomplete: "current-password", required: true, spellcheck: "false" });
    const notice = h("p", { class: isCalm ? "notice calm" : "notice", role: "alert", hidden: !reason }, reason);
    const enter = h("button", { class: "primary" }, "Open");
    const submit = async (event) => {
      event.preventDefault();
      enter.disabled = true;
      try {
        const answer = await check(field.value.trim());
        dialog.close();
        resolve(answer);
      } catch (error) {
        notice.textContent = error.message;
        notice.className = "notice";
        notice.hidden = false;
        enter.disabled = false;
        field.select();
      }
    };
    const dialog = h(
      "dialog",
      { id: "sign-in", "aria-labelledby": "key-title", oncancel: (event) => event.preventDefault() },
      h(
        "form",
        { onsubmit: submit },
        h("h2", { id: "key-title" }, "Enter your key"),
        h("p", { class: "muted" }, "Your key is your model: everything it learns from you stays with it. It is kept in this browser."),
        notice,
        h("label", {}, "Key", field),
        h("div", { class: "row" }, enter),
      ),
    );
    openDialog(dialog);
  });
}
