// The chat page: puts the chats, the thread, the composer and the model card together.

import { ApiError, call, currentKey, forgetKey, keepKey } from "./api.js";
import { Chats } from "./chats.js";
import { askForKey, confirmed, toast } from "./dialogs.js";
import { autosize, byId, h, icon, iconButton, put } from "./dom.js";
import { ModelCard, exportMine, isTraining, outcome } from "./model_card.js";
import { Practice } from "./practice.js";
import { adapterName } from "./reply.js";
import { RuleList } from "./rules.js";
import { Thread } from "./thread.js";

let chats = null;
let chat = null;
let me = null;

const card = new ModelCard(byId("model"), { onChange: meChanged, onError: meFailed });
const rules = new RuleList(byId("rules"), { onError: failed });
const practice = new Practice(byId("practice"), { onError: failed, onDecided: () => card.refresh() });
const thread = new Thread(byId("thread"), { keep, failed, judged: refreshMine, isWriting: showWriting });
const field = byId("message");
const fit = autosize(field);

function failed(error) {
  if (error instanceof ApiError && error.status === 401) {
    if (!byId("sign-in")) start("This key is not valid any more.");
    return;
  }
  toast(error.message, { isError: true });
}

function keep(changed) {
  try {
    chats.save(changed);
  } catch {
    toast("The browser’s storage is full: this chat is not kept. Delete an old one.", { isError: true });
  }
  listChats();
}

function refreshMine() {
  return Promise.all([card.refresh(), rules.refresh(), practice.refresh()]);
}

function meChanged(now, before) {
  me = now;
  byId("version").textContent = isTraining(now) ? `learning, ${Math.round(now.training.progress.fraction * 100)} %` : adapterName(now.adapter);
  byId("version").className = now.adapter === "base" ? "badge" : "badge accent";
  byId("admin-link").hidden = !now.is_admin;
  if (isTraining(before) && !isTraining(now) && now.training) toast(outcome(now.training));
}

function meFailed(error) {
  if (error.status === 0) {
    byId("version").textContent = "server unreachable";
    byId("version").className = "badge bad";
  } else {
    failed(error);
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
        h("button", { type: "button", class: "open", "aria-current": entry.id === chat.id ? "true" : null, onclick: () => open(entry) }, entry.title),
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
  const agreed = await confirmed({
    title: "Delete this chat?",
    text: "Its replies and what you said about them are deleted here and on the server; the next training forgets them.",
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
    failed(error);
    return;
  }
  chats.remove(entry);
  if (entry.id === chat.id) open(chats.create());
  listChats();
  refreshMine();
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

async function signedIn(key) {
  keepKey(key);
  try {
    return await call("GET", "/v1/me");
  } catch (error) {
    if (error.status !== 401 && error.status !== 403) throw error;
    forgetKey();
    throw new ApiError(error.status, error.status === 401 ? "The server does not know this key." : error.message);
  }
}

async function start(reason = "", isCalm = false) {
  card.stop();
  rules.clear();
  practice.clear();
  await thread.stop();
  thread.clear();
  me = null;
  const key = reason ? null : currentKey();
  try {
    me = key ? await signedIn(key) : null;
  } catch (error) {
    reason = error.message;
  }
  me ??= await askForKey({ reason, isCalm, check: signedIn });
  chats = new Chats(me.user.id);
  open(chats.all()[0] ?? chats.create());
  await refreshMine();
}

function signOut() {
  forgetKey();
  start("You are signed out.", true);
}

async function erase() {
  const agreed = await confirmed({
    title: "Erase everything of yours?",
    text: "Your chats, your judgements, your model and its versions are deleted from the server and from this browser. This cannot be undone.",
    action: "Erase everything",
    isDanger: true,
    typed: "erase",
  });
  if (!agreed) return;
  try {
    await call("DELETE", "/v1/me");
  } catch (error) {
    failed(error);
    return;
  }
  chats.clear();
  forgetKey();
  start("Everything of yours is erased.", true);
}

async function exportAll() {
  try {
    await exportMine(me);
  } catch (error) {
    failed(error);
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
});
byId("send").append(icon("send"));
byId("stop").append(icon("stop"));
byId("new").prepend(icon("plus"));
byId("menu").append(icon("menu"));
byId("stop").addEventListener("click", () => thread.stop());
byId("new").addEventListener("click", () => thread.chat && open(chats.create()));
byId("menu").addEventListener("click", openSide);
byId("shade").addEventListener("click", closeSide);
byId("sign-out").addEventListener("click", signOut);
byId("erase").addEventListener("click", erase);
byId("export").addEventListener("click", exportAll);
start();
