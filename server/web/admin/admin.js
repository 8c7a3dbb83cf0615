// The admin page: signs in, shows the view that the address names, keeps it up to date.

import { ApiError, call } from "../shared/api.js";
import { openDialog, showKey, toast } from "../shared/dialogs.js";
import { button, byId, h, put } from "../shared/dom.js";
import { adapterBadge, formatBytes, formatPercent, formatTime, plural, statusBadge, table } from "../shared/format.js";
import { leave, signIn } from "../shared/sign_in.js";
import { isOpen, liveRun, runTable } from "./runs.js";
import { UserView } from "./user_view.js";

const REFRESH_MS = 5000;
const page = byId("page");
let navigation = new AbortController();
let lastDrawn = "";
let live = new AbortController();

function showError(error) {
  if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
    leave(error.message, { isAdminPage: true });
    return;
  }
  toast(error.message, { isError: true });
}

async function fetchAll() {
  const [users, adapters, runs] = await Promise.all([
    call("GET", "/v1/admin/users"),
    call("GET", "/v1/admin/adapters"),
    call("GET", "/v1/admin/runs?limit=50"),
  ]);
  const byUser = new Map(adapters.data.map((adapter) => [adapter.user, adapter]));
  return { users: users.data, byUser, adapters: adapters.data, runs: runs.data };
}

/** Draws if `partOf` changed, unless the user has left the view. */
async function refreshView(signal, partOf, draw) {
  const all = await fetchAll();
  const now = JSON.stringify(partOf(all));
  if (signal.aborted || now === lastDrawn) return;
  lastDrawn = now;
  draw(all);
}

function usersView(signal) {
  const partOf = ({ users, adapters, runs }) => [users, adapters, runs];
  return refreshView(signal, partOf, ({ users, byUser, adapters, runs }) => {
    put(
      page,
      h(
        "div",
        { class: "row spread" },
        h("h1", {}, "Users"),
        button("New user", newUser, { class: "primary", id: "new-user" }),
      ),
      tiles(users, adapters, runs),
      users.filter((user) => user.anonymous).map(anonymousNotice),
      table(
        [
          { text: "Name" },
          { text: "Answers with" },
          { text: "Learned from", isNumber: true },
          { text: "New feedback", isNumber: true },
          { text: "Last training" },
          { text: "Disk", isNumber: true },
          { text: "Last seen" },
        ],
        users.map((user) => userRow(user, byUser.get(user.id))),
      ),
    );
  });
}

function anonymousNotice({ name, anonymous: { requests, remedy } }) {
  return h(
    "p",
    { class: "notice" },
    `${plural(requests, "request")} of the frontend “${name}” named nobody, so nothing is remembered or learned: ${remedy}.`,
  );
}

function userRow(user, adapter) {
  const run = adapter?.last_run ?? null;
  return [
    [
      h("a", { href: `#/users/${encodeURIComponent(user.id)}`, id: `user-${user.id}` }, user.name),
      " ",
      user.kind === "user" ? null : h("span", { class: "badge" }, user.kind),
    ],
    [adapterBadge(user.adapter), " ", user.frozen ? h("span", { class: "badge warn" }, "frozen") : null],
    plural(adapter?.learned ?? 0, "example"),
    String(adapter?.new_feedback ?? 0),
    run
      ? [
          statusBadge(run.status),
          isOpen(run) ? ` ${formatPercent(run.progress.fraction)}` : ` ${formatTime(run.finished_at)}`,
        ]
      : "–",
    adapter ? formatBytes(adapter.size_bytes) : "–",
    formatTime(user.last_seen_at),
  ];
}

function tiles(users, adapters, runs) {
  const sum = (pick) => adapters.reduce((total, adapter) => total + pick(adapter), 0);
  const tile = (value, label) =>
    h("div", { class: "card tile" }, h("b", {}, value), h("span", { class: "muted small" }, label));
  return h(
    "div",
    { class: "tiles" },
    tile(String(users.length), users.length === 1 ? "user" : "users"),
    tile(String(adapters.filter((adapter) => adapter.active !== "base").length), "with their own adapter"),
    tile(String(sum((adapter) => adapter.new_feedback)), "feedback items not learned from yet"),
    tile(String(runs.filter(isOpen).length), "training runs in progress"),
    tile(formatBytes(sum((adapter) => adapter.size_bytes)), "of adapters on disk"),
  );
}

function trainingsView(signal) {
  // Without the progress: the live cards follow it themselves.
  const partOf = ({ runs }) => runs.map((run) => [run.id, run.status]);
  return refreshView(signal, partOf, ({ users, runs }) => {
    live.abort();
    live = new AbortController();
    const following = AbortSignal.any([signal, live.signal]);
    const names = new Map(users.map((user) => [user.id, user.name]));
    const nameOf = (id) => names.get(id) ?? id;
    const reload = () => navigate().catch(showError);
    put(
      page,
      h("h1", {}, "Training runs"),
      runs
        .filter((run) => run.status === "running")
        .map((run) =>
          liveRun(run, { title: `Training ${nameOf(run.user)}`, signal: following, onEnd: reload, onError: showError }),
        ),
      runs.length
        ? runTable(runs, nameOf)
        : h(
            "p",
            { class: "muted" },
            "None yet. A training starts when a user has given enough feedback, or when you start it.",
          ),
    );
  });
}

function newUser() {
  const name = h("input", { name: "name", required: true, maxlength: 100, autocomplete: "off", id: "new-name" });
  const kind = h(
    "select",
    { name: "kind" },
    h("option", { value: "user" }, "A person"),
    h("option", { value: "frontend" }, "A frontend that acts for its users"),
    h("option", { value: "admin" }, "An admin"),
  );
  const notice = h("p", { class: "notice", role: "alert", hidden: true });
  const submit = async (event) => {
    event.preventDefault();
    try {
      const made = await call("POST", "/v1/admin/users", { body: { name: name.value.trim(), kind: kind.value } });
      dialog.close();
      showKey(made);
      await navigate();
    } catch (error) {
      notice.textContent = error.message;
      notice.hidden = false;
    }
  };
  const dialog = h(
    "dialog",
    { "aria-labelledby": "new-title" },
    h(
      "form",
      { onsubmit: submit },
      h("h2", { id: "new-title" }, "New user"),
      notice,
      h("label", {}, "Name", name),
      h("label", {}, "Kind of key", kind),
      h(
        "div",
        { class: "row" },
        button("Cancel", () => dialog.close()),
        h("button", { class: "primary" }, "Make the key"),
      ),
    ),
  );
  openDialog(dialog);
}

/** Shows the view that the address names. */
async function navigate() {
  navigation.abort();
  navigation = new AbortController();
  const { signal } = navigation;
  const [, view = "", id = ""] = location.hash.split("/");
  const [here, elsewhere] = view === "trainings" ? ["to-trainings", "to-users"] : ["to-users", "to-trainings"];
  byId(here).setAttribute("aria-current", "page");
  byId(elsewhere).removeAttribute("aria-current");
  lastDrawn = "";
  if (view === "users") {
    page.replaceChildren();
    await new UserView(page, decodeURIComponent(id), { onError: showError, signal }).refresh();
    return;
  }
  const show = view === "trainings" ? trainingsView : usersView;
  await show(signal);
  const timer = setInterval(() => !document.hidden && show(signal).catch(showError), REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

async function start() {
  await signIn({ isAdminPage: true });
  await navigate().catch(showError);
}

window.addEventListener("hashchange", () => navigate().catch(showError));
byId("sign-out").addEventListener("click", () => leave("You are signed out.", { isAdminPage: true }));
start();
