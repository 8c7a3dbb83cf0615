// The admin page: signs in, shows the view that the address names, keeps it fresh.

import { ApiError, call, currentKey, forgetKey, keepKey } from "./api.js";
import { askForKey, showKey, toast } from "./dialogs.js";
import { byId, h, put } from "./dom.js";
import { adapterBadge, plural, size, stateBadge, table, time } from "./format.js";
import { isOpen, liveRun, runTable } from "./runs.js";
import { UserView } from "./user_view.js";

const FRESH_MS = 5000;
const page = byId("page");
let leaving = new AbortController();
let seen = "";
let live = new AbortController();

function failed(error) {
  if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
    if (!byId("sign-in")) start(error.message);
    return;
  }
  toast(error.message, { isError: true });
}

async function everything() {
  const [users, adapters, runs] = await Promise.all([
    call("GET", "/v1/admin/users"),
    call("GET", "/v1/admin/adapters"),
    call("GET", "/v1/admin/runs?limit=50"),
  ]);
  const byUser = new Map(adapters.data.map((adapter) => [adapter.user, adapter]));
  return { users: users.data, byUser, adapters: adapters.data, runs: runs.data };
}

/** Draws when something changed; a view that was left meanwhile draws nothing. */
async function fresh(signal, partOf, draw) {
  const all = await everything();
  const now = JSON.stringify(partOf(all));
  if (signal.aborted || now === seen) return;
  seen = now;
  draw(all);
}

function peopleView(signal) {
  const partOf = ({ users, adapters, runs }) => [users, adapters, runs];
  return fresh(signal, partOf, ({ users, byUser, adapters, runs }) => {
    put(
      page,
      h("div", { class: "row spread" }, h("h1", {}, "Users"), h("button", { type: "button", class: "primary", id: "new-user", onclick: newUser }, "New user")),
      tiles(users, adapters, runs),
      table(
        [{ text: "Name" }, { text: "Answers with" }, { text: "Learned from", isNumber: true }, { text: "New judgements", isNumber: true }, { text: "Last training" }, { text: "Disk", isNumber: true }, { text: "Last seen" }],
        users.map((user) => personRow(user, byUser.get(user.id))),
      ),
    );
  });
}

function personRow(user, adapter) {
  const run = adapter?.last_run ?? null;
  return [
    [h("a", { href: `#/users/${encodeURIComponent(user.id)}`, id: `user-${user.id}` }, user.name), " ", user.kind === "user" ? null : h("span", { class: "badge" }, user.kind)],
    [adapterBadge(user.adapter), " ", user.frozen ? h("span", { class: "badge warn" }, "frozen") : null],
    plural(adapter?.learned ?? 0, "row"),
    String(adapter?.new_judgements ?? 0),
    run ? [stateBadge(run.status), isOpen(run) ? ` ${Math.round(run.progress.fraction * 100)} %` : ` ${time(run.finished_at)}`] : "–",
    adapter ? size(adapter.size_bytes) : "–",
    time(user.last_seen_at),
  ];
}

function tiles(users, adapters, runs) {
  const sum = (pick) => adapters.reduce((total, adapter) => total + pick(adapter), 0);
  const tile = (value, label) => h("div", { class: "card tile" }, h("b", {}, value), h("span", { class: "muted small" }, label));
  return h(
    "div",
    { class: "tiles" },
    tile(String(users.length), users.length === 1 ? "user" : "users"),
    tile(String(adapters.filter((adapter) => adapter.active !== "base").length), "with an adapter of their own"),
    tile(String(sum((adapter) => adapter.new_judgements)), "judgements not learned from yet"),
    tile(String(runs.filter(isOpen).length), "trainings going on"),
    tile(size(sum((adapter) => adapter.size_bytes)), "of adapters on disk"),
  );
}

function trainingsView(signal) {
  // Progress is left out: the live cards follow it themselves.
  const partOf = ({ runs }) => runs.map((run) => [run.id, run.status]);
  return fresh(signal, partOf, ({ users, runs }) => {
    live.abort();
    live = new AbortController();
    const following = AbortSignal.any([signal, live.signal]);
    const names = new Map(users.map((user) => [user.id, user.name]));
    const nameOf = (id) => names.get(id) ?? id;
    const again = () => go().catch(failed);
    put(
      page,
      h("h1", {}, "Trainings"),
      runs.filter((run) => run.status === "running").map((run) => liveRun(run, { title: `Training ${nameOf(run.user)}`, signal: following, onEnd: again, onError: failed })),
      runs.length ? runTable(runs, nameOf) : h("p", { class: "muted" }, "None yet. A user is trained when enough judgements have come together, or when you ask for it."),
    );
  });
}

function newUser() {
  const name = h("input", { name: "name", required: true, maxlength: 100, autocomplete: "off", id: "new-name" });
  const kind = h("select", { name: "kind" }, h("option", { value: "user" }, "A person"), h("option", { value: "frontend" }, "A frontend that acts for its users"), h("option", { value: "admin" }, "An admin"));
  const notice = h("p", { class: "notice", role: "alert", hidden: true });
  const submit = async (event) => {
    event.preventDefault();
    try {
      const made = await call("POST", "/v1/admin/users", { body: { name: name.value.trim(), kind: kind.value } });
      dialog.close();
      showKey(made);
      await go();
    } catch (error) {
      notice.textContent = error.message;
      notice.hidden = false;
    }
  };
  const dialog = h(
    "dialog",
    { "aria-labelledby": "new-title", onclose: () => dialog.remove() },
    h(
      "form",
      { onsubmit: submit },
      h("h2", { id: "new-title" }, "New user"),
      notice,
      h("label", {}, "Name", name),
      h("label", {}, "Kind of key", kind),
      h("div", { class: "row" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "primary" }, "Make the key")),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}

/** Shows the view that the address names. */
async function go() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [, view = "", id = ""] = location.hash.split("/");
  const [here, elsewhere] = view === "trainings" ? ["to-trainings", "to-people"] : ["to-people", "to-trainings"];
  byId(here).setAttribute("aria-current", "page");
  byId(elsewhere).removeAttribute("aria-current");
  seen = "";
  if (view === "users") {
    page.replaceChildren();
    await new UserView(page, decodeURIComponent(id), { failed, signal }).refresh();
    return;
  }
  const show = view === "trainings" ? trainingsView : peopleView;
  await show(signal);
  const timer = setInterval(() => !document.hidden && show(signal).catch(failed), FRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

async function signedIn(key) {
  keepKey(key);
  try {
    const me = await call("GET", "/v1/me");
    if (me.is_admin) return me;
  } catch (error) {
    if (error.status !== 401 && error.status !== 403) throw error;
    forgetKey();
    throw new ApiError(error.status, "The server does not know this key.");
  }
  throw new ApiError(403, "This key is not an admin’s.");
}

async function start(reason = "", isCalm = false) {
  leaving.abort();
  page.replaceChildren();
  const key = reason ? null : currentKey();
  let me = null;
  try {
    me = key ? await signedIn(key) : null;
  } catch (error) {
    reason = error.message;
  }
  me ??= await askForKey({ reason, isCalm, check: signedIn });
  await go().catch(failed);
}

window.addEventListener("hashchange", () => go().catch(failed));
byId("sign-out").addEventListener("click", () => {
  forgetKey();
  start("You are signed out.", true);
});
start();
