// The chat page: connects the list of chats, the thread, the message field and the model card.

import { ApiError, call } from "../shared/api.js";
import { confirmAction, toast } from "../shared/dialogs.js";
import { autosize, button, byId, h, icon, iconButton, put } from "../shared/dom.js";
import { formatPercent } from "../shared/format.js";
import { leave, signIn, USER_KEY } from "../shared/sign_in.js";
import { Chats } from "./chats.js";
import { exportData, isTraining, ModelCard, outcome } from "./model_card.js";
import { adapterName } from "./reply.js";
import { RuleList } from "./rules.js";
import { Thread } from "./thread.js";

let chats = null;
let chat = null;
let me = null;

const card = new ModelCard(byId("model"), { onChange: meChanged, onError: meFailed });
const rules = new RuleList(byId("rules"), { onError: showError });
const thread = new Thread(byId("thread"), { save, onError: showError, onFeedback: refreshAll, onWriting: showWriting });
const field = byId("message");
const fit = autosize(field);

function showError(error) {
  if (error instanceof ApiError && error.status === 401) {
    leave("This key is no longer valid.");
    return;
  }
  toast(error.message, { isError: true });
}

function save(changed) {
  try {
    chats.save(changed);
  } catch {
    toast("The browser’s storage is full, so this chat is not saved. Delete an old one.", { isError: true });
  }
  listChats();
}

function refreshAll() {
  return Promise.all([card.refresh(), rules.refresh()]);
}

function meChanged(now, before) {
  me = now;
  byId("version").textContent = isTraining(now)
    ? `learning, ${formatPercent(now.training.progress.fraction)}`
    : adapterName(now.adapter);
  byId("version").className = now.adapter === "base" ? "badge" : "badge accent";
  byId("admin-link").hidden = !now.is_admin;
  if (isTraining(before) && !isTraining(now) && now.training) toast(outcome(now.training));
}

function meFailed(error) {
  if (error.status === 0) {
    byId("version").textContent = "server unreachable";
    byId("version").className = "badge bad";
  } else {
    showError(error);
  }
}

function showWriting(isWriting) {
  byId("send").hidden = isWriting;
  byId("stop").hidden = !isWriting;
  byId("status").textContent = isWriting ? "The model is writing." : "The reply has ended.";
}

// The list of chats

function listChats() {
  const entries = chats.all();
  put(
    byId("chats"),
    entries.length === 0 && h("li", { class: "none muted small" }, "None yet."),
    entries.map((entry) =>
      h(
        "li",
        { class: entry.id === chat.id ? "current" : "" },
        button(entry.title, () => open(entry), { class: "open", "aria-current": entry.id === chat.id ? "true" : null }),
        iconButton("close", `Delete the chat ${entry.title}`, () => remove(entry), { class: "quiet round remove" }),
      ),
    ),
  );
  byId("title").textContent = chat.title;
}

function open(entry) {
  thread.stop();
  chat = entry;
  thread.show(chat);
  listChats();
  closeSide();
  if (matchMedia("(hover: hover)").matches) field.focus();
}

async function remove(entry) {
  const agreed = await confirmAction({
    title: "Delete this chat?",
    text: "Its replies and your feedback on them are deleted here and on the server. The next training forgets them.",
    action: "Delete",
    isDanger: true,
  });
  if (!agreed) return;
  if (entry.id === chat.id) await thread.stop();
  try {
    for (const { id } of entry.turns.flatMap((turn) => turn.variants ?? [])) {
      if (id) await deleteReply(id);
    }
  } catch (error) {
    showError(error);
    return;
  }
  chats.remove(entry);
  if (entry.id === chat.id) open(chats.create());
  listChats();
  field.focus();
  refreshAll();
}

async function deleteReply(id) {
  try {
    await call("DELETE", `/v1/chat/completions/${encodeURIComponent(id)}`);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
}

// The side panel of small screens

function openSide() {
  document.body.classList.add("side-open");
  byId("menu").setAttribute("aria-expanded", "true");
  byId("new").focus();
}

function closeSide() {
  document.body.classList.remove("side-open");
  byId("menu").setAttribute("aria-expanded", "false");
}

// Signing in and out

async function start() {
  me = await signIn();
  chats = new Chats(me.user.id);
  open(chats.all()[0] ?? chats.create());
  await refreshAll();
}

/** Leaves nothing of the user on the page or in this browser. */
async function forgetUser(notice) {
  await thread.stop();
  chats.clear();
  field.value = "";
  leave(notice);
}

async function erase() {
  const agreed = await confirmAction({
    title: "Erase all your data?",
    text: "Your chats, your feedback, your model and its versions are deleted from the server and from this browser. This cannot be undone.",
    action: "Erase everything",
    isDanger: true,
    typed: "erase",
  });
  if (!agreed) return;
  try {
    await call("DELETE", "/v1/me");
  } catch (error) {
    showError(error);
    return;
  }
  await forgetUser("All your data is erased.");
}

async function exportAll() {
  try {
    await exportData(me);
  } catch (error) {
    showError(error);
  }
}

function submit() {
  const text = field.value.trim();
  if (!text || thread.isWriting || thread.chat === null) return;
  field.value = "";
  fit();
  thread.say(text);
}

byId("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeSide();
});
window.addEventListener("storage", (event) => {
  if (chats && event.key?.startsWith(chats.prefix)) listChats();
  // Another tab signed out, or in as somebody else.
  if (chats && event.key === USER_KEY) location.reload();
});
byId("send").append(icon("send"));
byId("stop").append(icon("stop"));
byId("new").prepend(icon("plus"));
byId("menu").append(icon("menu"));
byId("stop").addEventListener("click", () => thread.stop());
byId("new").addEventListener("click", () => thread.chat && open(chats.create()));
byId("menu").addEventListener("click", openSide);
byId("shade").addEventListener("click", closeSide);
byId("sign-out").addEventListener("click", () =>
  forgetUser("You are signed out. Your chats are no longer in this browser."),
);
byId("erase").addEventListener("click", erase);
byId("export").addEventListener("click", exportAll);
start();
