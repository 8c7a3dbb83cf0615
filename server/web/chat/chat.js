// The chat page: connects the list of chats, the thread, the message field and the model card.

import { ApiError, call } from "../shared/api.js";
import { askForText, confirmAction, toast } from "../shared/dialogs.js";
import { byId, h, icon, put } from "../shared/dom.js";
import { formatPercent } from "../shared/format.js";
import { leave, signIn, USER_KEY } from "../shared/sign_in.js";
import { ChatList } from "./chat_list.js";
import { Chats } from "./chats.js";
import { Composer } from "./composer.js";
import { exportData, isTraining, ModelCard, outcome } from "./model_card.js";
import { adapterName } from "./reply.js";
import { RuleList } from "./rules.js";
import { Thread } from "./thread.js";
import { newChat, pathOf, titleOf } from "./tree.js";

const MAX_INSTRUCTIONS = 8000;
const NEW = "new";

// There from the sign-in on.
/** @type {any} */
let chats;
/** @type {any} */
let chat;
/** @type {ChatList} */
let list;
/** @type {any} */
let me;

const card = new ModelCard(byId("model"), { onChange: meChanged, onError: meFailed });
const rules = new RuleList(byId("rules"), { onError: showError });
const thread = new Thread(byId("thread"), {
  onReply: replied,
  onChoice: (question) => chats.choose(question),
  onChange: changed,
  onError: showError,
  onFeedback: refreshAll,
  onWriting: showWriting,
  onTaken: taken,
  onEnded: ({ id }) => chatChanged(id),
  isOld: (variant) => Boolean(me?.changed_at && variant.at && variant.at < me.changed_at),
});
const composer = new Composer({ onSend: send, onDraft: (text) => chats?.keepDraft(draftName(), text) });

function showError(error) {
  if (error instanceof ApiError && error.status === 401) {
    leave("This key is no longer valid.");
    return;
  }
  toast(error.message, { isError: true });
}

function refreshAll() {
  return Promise.all([card.refresh(), rules.refresh()]);
}

function meChanged(now, before) {
  me = now;
  byId("state").hidden = !isTraining(now);
  if (isTraining(now)) byId("state").textContent = `learning, ${formatPercent(now.training.progress.fraction)}`;
  byId("state").className = "badge accent";
  byId("admin-link").hidden = !now.is_admin;
  if (now.adapter !== before?.adapter || now.versions.length !== before?.versions.length) showAnswering();
  if (now.changed_at !== before?.changed_at) thread.refresh();
  if (isTraining(before) && !isTraining(now) && now.training) toast(outcome(now.training));
}

function meFailed(error) {
  if (error.status === 0) {
    byId("state").hidden = false;
    byId("state").textContent = "server unreachable";
    byId("state").className = "badge bad";
  } else {
    showError(error);
  }
}

function showWriting(isWriting) {
  byId("send").hidden = isWriting;
  byId("stop").hidden = !isWriting;
  byId("status").textContent = isWriting ? "The model is writing." : "The reply has ended.";
}

// Who answers in this chat, and its instructions

function showAnswering() {
  const others = me.versions.map(({ version }) => [version, `always ${version}`]);
  put(
    byId("answering"),
    [
      ["", `${adapterName(me.adapter)} + memory`],
      ...(me.adapter === "base" ? [] : [["base", "base model + memory"]]),
      ["base alone", "base model alone"],
      ...others,
    ].map(([value, text]) => h("option", { value }, text)),
  );
  byId("answering").value = chat?.answering ?? "";
}

async function changeInstructions() {
  const text = await askForText({
    title: "Instructions for this chat",
    text: "The model reads them before every message of this chat.",
    label: "Instructions",
    value: chat.system,
    rows: 6,
    maxlength: MAX_INSTRUCTIONS,
  });
  if (text === null) return;
  chat.system = text;
  showChat();
}

// The open chat

function showChat() {
  byId("title").textContent = chat.title;
  byId("answering").value = chat.answering;
  byId("instructions").setAttribute("aria-pressed", String(chat.system !== ""));
  history.replaceState(history.state, "", chat.isStored ? `#chat=${chat.id}` : location.pathname);
  list.mark(chat.id);
}

function draftName() {
  return chat?.isStored ? chat.id : NEW;
}

async function show(shown) {
  const wasWriting = thread.isWriting;
  await thread.leave();
  chat = shown;
  thread.show(chat);
  showChat();
  if (wasWriting) list.refresh();
  restoreDraft();
  closeSide();
  composer.focus();
}

/** Shows what was typed here before, unless it was sent meanwhile. */
function restoreDraft() {
  const draft = chats.draft(draftName());
  const isSent = pathOf(chat).at(-1)?.question.text === draft;
  composer.set(isSent ? "" : draft);
}

async function open({ id }) {
  try {
    await show(await chats.open(id));
    if (chat.hasMore) toast("Only the newest replies of this long chat are shown.");
  } catch (error) {
    showError(error);
  }
}

function startNew() {
  if (chat) show(newChat());
}

/** Another tab or device has changed a chat. */
async function chatChanged(id) {
  list.refresh();
  if (chat?.id !== id || thread.isBusy) return;
  try {
    const now = await chats.open(id);
    if (chat.id !== id || thread.isBusy) return;
    chat = { ...now, answering: chat.answering };
    thread.show(chat);
    showChat();
  } catch (error) {
    if (error.status === 404) startNew();
    else showError(error);
  }
}

function send(text) {
  chats.keepDraft(draftName(), text); // until it is answered: a reload must not lose it
  return thread.say(text);
}

function changed(changedChat) {
  if (changedChat.title === newChat().title) changedChat.title = titleOf(pathOf(changedChat)[0]?.question.text ?? "");
  if (changedChat === chat) showChat();
  if (changedChat.isStored) chats.tell(changedChat.id);
}

/** The server has a message and writes the reply, also if this page is closed. */
function taken(answered) {
  if (answered.isStored) return;
  answered.isStored = true;
  const asked = pathOf(answered).at(-1)?.question.text ?? "";
  // Else the user is writing in another new chat already.
  if (chats.draft(NEW) === asked) {
    chats.keepDraft(answered.id, asked);
    chats.keepDraft(NEW, "");
  }
  if (answered === chat) showChat();
}

/** A reply has ended: completely, stopped, or with an error. */
function replied(answered, variant) {
  chats.keep(variant);
  if (variant.ending !== "error") {
    chats.keepDraft(answered.isStored ? answered.id : NEW, "");
    answered.isStored ||= variant.id !== null && !variant.notStored;
  }
  changed(answered);
  list.refresh();
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
  const wanted = new URLSearchParams(location.hash.slice(1)).get("chat");
  const signedIn = await signIn();
  chats = new Chats(signedIn.user.id, { onChange: chatChanged });
  list = new ChatList(chats, {
    open,
    renamed: (id, title) => {
      if (chat.id === id) chat.title = title;
      showChat();
    },
    removing: (id) => (chat.id === id ? thread.stop() : null),
    removed: (id) => {
      chats.keepDraft(id, "");
      if (chat.id === id) startNew();
      refreshAll();
    },
    onError: showError,
  });
  await show(await wantedChat(wanted));
  card.begin(signedIn);
  await Promise.all([list.refresh(), rules.refresh()]);
}

/** The chat that the address names, or a new one. */
async function wantedChat(id) {
  if (id) {
    try {
      return await chats.open(id);
    } catch (error) {
      if (error.status !== 404) showError(error);
    }
  }
  return newChat();
}

/** Leaves nothing of the user on the page or in this browser. */
async function forgetUser(notice) {
  await thread.stop();
  chats.clear();
  chats = null;
  composer.set("");
  byId("search").value = "";
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

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeSide();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && chat?.isStored) chatChanged(chat.id);
});
window.addEventListener("storage", (event) => {
  // Another tab signed out, or in as somebody else.
  if (chats && event.key === USER_KEY) location.reload();
});
byId("stop").append(icon("stop"));
byId("new").prepend(icon("plus"));
byId("menu").append(icon("menu"));
byId("instructions").append(icon("settings"));
byId("instructions").addEventListener("click", () => chat && changeInstructions());
byId("answering").addEventListener("change", ({ target }) => {
  chat.answering = target.value;
});
byId("stop").addEventListener("click", () => thread.stop());
byId("new").addEventListener("click", startNew);
byId("menu").addEventListener("click", openSide);
byId("shade").addEventListener("click", closeSide);
byId("sign-out").addEventListener("click", () =>
  forgetUser("You are signed out. Nothing of you is left in this browser."),
);
byId("erase").addEventListener("click", erase);
byId("export").addEventListener("click", exportAll);
start();
