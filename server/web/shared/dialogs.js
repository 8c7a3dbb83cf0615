// Dialogs and short notices.

import { button, byAttribute, byId, focused, h } from "./dom.js";

/**
 * Shows a dialog, and removes it when it is closed. The focus returns to where it was. If that is gone,
 * it goes to the element with `data-focus`.
 */
export function openDialog(dialog) {
  const before = focused();
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    const isThere = before?.isConnected && before !== document.body;
    (isThere ? before : byAttribute("data-focus"))?.focus();
  });
  dialog.showModal();
}

/** Shows a short notice at the foot of the page. Errors stay longer. */
export function toast(text, { isError = false } = {}) {
  const notice = h("div", { class: isError ? "toast bad" : "toast", role: isError ? "alert" : "status" }, text);
  byId("toasts").append(notice);
  setTimeout(() => notice.remove(), isError ? 9000 : 4500);
}

/**
 * Asks for confirmation; resolves to the answer. If `typed` is given, it must be typed first.
 * @param {{title: string, text: string, action: string, isDanger?: boolean, typed?: string | null}} question
 */
export function confirmAction({ title, text, action, isDanger = false, typed = null }) {
  return new Promise((resolve) => {
    const agree = h(
      "button",
      { class: isDanger ? "danger" : "primary", value: "yes", disabled: typed !== null },
      action,
    );
    const field = h("input", {
      autocomplete: "off",
      oninput: () => {
        agree.disabled = field.value.trim() !== typed;
      },
    });
    const dialog = h(
      "dialog",
      { "aria-labelledby": "confirm-title" },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "confirm-title" }, title),
        h("p", { class: "muted" }, text),
        typed === null ? null : h("label", {}, `Type “${typed}” to go on`, field),
        h(
          "div",
          { class: "row" },
          button("Cancel", () => dialog.close("no"), { value: "no" }),
          agree,
        ),
      ),
    );
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
    openDialog(dialog);
  });
}

/** Asks for a text; resolves to it, trimmed, or to null. With `rows` it may have several lines. */
export function askForText({ title, label, value, text = "", rows = 0, maxlength }) {
  return new Promise((resolve) => {
    const field = h(rows ? "textarea" : "input", { dir: "auto", maxlength, rows: rows || null, autocomplete: "off" });
    field.value = value;
    const dialog = h(
      "dialog",
      { "aria-labelledby": "ask-title" },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "ask-title" }, title),
        text && h("p", { class: "muted small" }, text),
        h("label", {}, label, field),
        h(
          "div",
          { class: "row" },
          button("Cancel", () => dialog.close("no")),
          h("button", { class: "primary", value: "yes" }, "Save"),
        ),
      ),
    );
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? field.value.trim() : null));
    openDialog(dialog);
    field.focus();
  });
}

/** Shows a new key, once, with a link that opens the chat with it. */
export function showKey({ name, key }) {
  const link = `${location.origin}/#key=${encodeURIComponent(key)}`;
  const dialog = h(
    "dialog",
    { "aria-labelledby": "secret-title" },
    h(
      "div",
      { class: "stack" },
      h("h2", { id: "secret-title" }, `The key of ${name}`),
      h("p", { class: "muted" }, "This key is shown only once; the server stores only its hash. Pass it on privately."),
      h("code", { class: "secret", id: "new-key" }, key),
      h("p", { class: "small" }, "To open the chat, signed in: ", h("a", { href: link }, "chat link")),
      h(
        "div",
        { class: "row" },
        button("Copy key", () => copy(key)),
        button("Copy link", () => copy(link)),
        button("Done", () => dialog.close(), { class: "primary" }),
      ),
    ),
  );
  openDialog(dialog);
}

/** Copies text to the clipboard and says so. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    toast("The browser does not allow copying here. Select the text instead.", { isError: true });
  }
}

/** Asks for a key until `check` accepts it; resolves to the result of `check`. */
export function askForKey({ reason, isCalm = false, check }) {
  return new Promise((resolve) => {
    const field = h("input", {
      id: "key",
      name: "key",
      type: "password",
      autocomplete: "current-password",
      required: true,
      spellcheck: "false",
      "aria-describedby": "key-origin",
    });
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
        h(
          "p",
          { class: "muted" },
          "Your key opens your own model. What it learns from you stays with it. This browser keeps the key until you sign out, an admin’s until the tab is closed.",
        ),
        notice,
        h("label", {}, "Key", field),
        h(
          "p",
          { class: "muted small", id: "key-origin" },
          "You have none? An admin makes keys on the ",
          h("a", { href: "/admin" }, "admin page"),
          " or with ",
          h("code", {}, "loralei users add NAME"),
          ". The admin’s own key is shown when the server starts for the first time.",
        ),
        h("div", { class: "row" }, enter),
      ),
    );
    openDialog(dialog);
  });
}
