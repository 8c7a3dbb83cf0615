// The admin page: signs in, shows the view that the address names, keeps it up to date.

import { ApiError, call } from "../shared/api.js";
import { openDialog, showKey, toast } from "../shared/dialogs.js";
import { button, byId, h, put } from "../shared/dom.js";
import { leave, signIn } from "../shared/sign_in.js";
import { auditSection } from "./audit_view.js";
import { OrganisationView } from "./organisation.js";
import { liveRun, runTable } from "./runs.js";
import { UserView } from "./user_view.js";
import { UsersView } from "./users_view.js";

const REFRESH_MS = 5000;
const page = byId("page");
let navigation = new AbortController();
let live = new AbortController();

function showError(error) {
  if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
    leave(error.message, { isAdminPage: true });
    return;
  }
  toast(error.message, { isError: true });
}

async function usersView(signal) {
  const users = new UsersView(page, { onNewUser: newUser, onError: showError, signal });
  await users.open();
  return () => users.keepUpToDate();
}

async function trainingsView(signal) {
  let drawn = "";
  const refresh = async () => {
    const { data: runs } = await call("GET", "/v1/admin/runs?limit=50");
    // Without the progress: the live cards follow it themselves.
    const now = JSON.stringify(runs.map((run) => [run.id, run.status]));
    if (signal.aborted || now === drawn) return;
    drawn = now;
    showTrainings(runs, signal);
  };
  await refresh();
  return refresh;
}

function showTrainings(runs, signal) {
  live.abort();
  live = new AbortController();
  const following = AbortSignal.any([signal, live.signal]);
  const reload = () => navigate().catch(showError);
  put(
    page,
    h("h1", {}, "Training runs"),
    runs
      .filter((run) => run.status === "running")
      .map((run) =>
        liveRun(run, { title: `Training ${run.user_name}`, signal: following, onEnd: reload, onError: showError }),
      ),
    runs.length
      ? runTable(runs, { withUsers: true })
      : h(
          "p",
          { class: "muted" },
          "None yet. A training starts when a user has given enough feedback, or when you start it.",
        ),
  );
}

async function logView(signal) {
  const entries = await auditSection({ onError: showError, signal });
  if (!signal.aborted) put(page, h("h1", {}, "Log"), entries);
  return async () => {};
}

async function organisationView(signal) {
  page.replaceChildren();
  const organisation = new OrganisationView(page, { onError: showError, signal });
  await organisation.refresh();
  return () => organisation.refresh();
}

const VIEWS = { organisation: organisationView, trainings: trainingsView, log: logView };

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
  for (const name of ["users", "organisation", "trainings", "log"]) {
    const isHere = name === (VIEWS[view] ? view : "users");
    if (isHere) byId(`to-${name}`).setAttribute("aria-current", "page");
    else byId(`to-${name}`).removeAttribute("aria-current");
  }
  if (view === "users") {
    page.replaceChildren();
    await new UserView(page, decodeURIComponent(id), { onError: showError, signal }).refresh();
    return;
  }
  const refresh = await (VIEWS[view] ?? usersView)(signal);
  const timer = setInterval(() => !document.hidden && refresh().catch(showError), REFRESH_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

async function start() {
  await signIn({ isAdminPage: true });
  await navigate().catch(showError);
}

window.addEventListener("hashchange", () => navigate().catch(showError));
byId("sign-out").addEventListener("click", () => leave("You are signed out.", { isAdminPage: true }));
start();
