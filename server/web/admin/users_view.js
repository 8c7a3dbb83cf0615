// The list of users: search, filters, order and pages are the server's; this shows what it found.

import { call } from "../shared/api.js";
import { button, h, put } from "../shared/dom.js";
import { adapterBadge, formatBytes, formatPercent, formatTime, plural, statusBadge, table } from "../shared/format.js";
import { activityCard } from "./activity.js";
import { isOpen } from "./runs.js";

const PAGE = 50;
const SEARCH_DELAY_MS = 150;
const MOST_REFRESHED = 200;

const COLUMNS = [
  { text: "Name", sort: "name", first: "asc" },
  { text: "Answers with", sort: "version", first: "desc" },
  { text: "Examples", isNumber: true },
  { text: "New feedback", isNumber: true, sort: "new_feedback", first: "desc" },
  { text: "Last training", isTime: true },
  { text: "Created", sort: "created", first: "desc", isTime: true },
  { text: "Last seen", sort: "last_seen", first: "desc", isTime: true },
];

const STATUSES = [
  ["", "Any state"],
  ["version", "With an adapter"],
  ["base", "Base model"],
  ["frozen", "Frozen"],
  ["training", "Training now"],
];
const KINDS = [
  ["", "Every kind"],
  ["user", "Users"],
  ["frontend", "Frontends"],
  ["admin", "Admins"],
];

// Kept while the page is open, so that whoever comes back from a user finds the same list.
const chosen = { search: "", kind: "", status: "", sort: "created", order: "desc" };

export class UsersView {
  constructor(page, { onNewUser, onError, signal }) {
    this.onError = onError;
    this.signal = signal;
    this.users = [];
    this.hasMore = false;
    this.asking = new AbortController();
    this.overview = h("div", { class: "section" });
    this.found = h("p", { class: "muted small", role: "status" });
    this.results = h("div", { class: "section" });
    this.activity = h("div", {});
    put(
      page,
      h(
        "div",
        { class: "row spread" },
        h("h1", {}, "Users"),
        button("New user", onNewUser, { class: "primary", id: "new-user" }),
      ),
      this.overview,
      this.#tools(),
      this.found,
      this.results,
      this.activity,
    );
  }

  /** Reads all of it for the first time; the chart may come later than the users. */
  async open() {
    await this.refresh();
    activityCard().then((card) => put(this.activity, card), this.onError);
  }

  /** Reads the first page, or as much as is shown already. */
  async refresh() {
    const limit = Math.min(Math.max(this.users.length, PAGE), MOST_REFRESHED);
    const [overview] = await Promise.all([call("GET", "/v1/admin/overview"), this.#read({ limit })]);
    if (this.signal.aborted) return;
    put(this.overview, tiles(overview), overview.anonymous.map(anonymousNotice));
  }

  /** Reads again while nobody has asked for more than is refreshed at once. */
  async keepUpToDate() {
    if (this.users.length <= MOST_REFRESHED) await this.refresh();
  }

  #tools() {
    const change = (name) => (event) => {
      chosen[name] = event.target.value;
      this.#search();
    };
    const search = h("input", {
      type: "search",
      id: "search",
      maxlength: 200,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "Part of a name or id",
      value: chosen.search,
      oninput: (event) => {
        clearTimeout(this.timer);
        chosen.search = event.target.value;
        this.timer = setTimeout(() => this.#search(), SEARCH_DELAY_MS);
      },
    });
    const sorts = COLUMNS.filter((column) => column.sort).map(({ sort, text }) => [sort, text]);
    return h(
      "search",
      { class: "row tools" },
      h("label", { class: "grow" }, h("span", { class: "visually-hidden" }, "Search users"), search),
      select("Kind", KINDS, chosen.kind, change("kind")),
      select("State", STATUSES, chosen.status, change("status")),
      h(
        "div",
        { class: "only-phone" },
        select("Sort by", sorts, chosen.sort, (event) => this.#sortBy(event.target.value)),
      ),
    );
  }

  #search() {
    this.#read({ limit: PAGE }).catch(this.onError);
  }

  #sortBy(sort) {
    const first = COLUMNS.find((column) => column.sort === sort)?.first ?? "asc";
    const other = first === "asc" ? "desc" : "asc";
    chosen.order = chosen.sort === sort && chosen.order === first ? other : first;
    chosen.sort = sort;
    this.#search();
  }

  async #read({ limit, after = null }) {
    this.asking.abort();
    this.asking = new AbortController();
    const signal = AbortSignal.any([this.signal, this.asking.signal]);
    const wanted = Object.entries({ ...chosen, limit, after }).filter(([, value]) => value);
    let answer;
    try {
      answer = await call("GET", `/v1/admin/users?${new URLSearchParams(wanted)}`, { signal });
    } catch (error) {
      if (error.name === "AbortError") return;
      throw error;
    }
    const before = after === null ? [] : this.users;
    const known = new Set(before.map((user) => user.id));
    this.users = [...before, ...answer.data.filter((user) => !known.has(user.id))];
    this.#show(answer);
  }

  #show({ has_more: hasMore, total }) {
    const now = JSON.stringify([this.users, hasMore, total, chosen]);
    if (now === this.drawn) return;
    this.drawn = now;
    this.found.textContent =
      total === 0
        ? "No user is like that."
        : this.users.length < total
          ? `${this.users.length} of ${plural(total, "user")}`
          : plural(total, "user");
    put(
      this.results,
      table(
        COLUMNS.map((column) => this.#heading(column)),
        this.users.map(userRow),
      ),
      hasMore
        ? button("Show more", () => this.#read({ limit: PAGE, after: this.users.at(-1).id }).catch(this.onError), {
            id: "more",
          })
        : null,
    );
  }

  #heading(column) {
    if (!column.sort) return column;
    const isSorted = chosen.sort === column.sort;
    const arrow = isSorted ? (chosen.order === "asc" ? " ↑" : " ↓") : "";
    return {
      ...column,
      sorted: isSorted ? (chosen.order === "asc" ? "ascending" : "descending") : "none",
      content: button([column.text, h("span", { "aria-hidden": "true" }, arrow)], () => this.#sortBy(column.sort), {
        class: "sort",
        id: `sort-${column.sort}`,
      }),
    };
  }
}

function select(label, options, value, onchange) {
  return h(
    "select",
    { "aria-label": label, onchange },
    options.map(([each, text]) => h("option", { value: each, selected: each === value }, text)),
  );
}

function userRow(user) {
  const isFrontend = user.kind === "frontend";
  const run = user.last_run;
  return [
    [
      h("a", { href: `#/users/${encodeURIComponent(user.id)}`, id: `user-${user.id}` }, user.name),
      user.display_name ? h("span", { class: "muted" }, ` ${user.display_name}`) : null,
      " ",
      user.kind === "user" ? null : h("span", { class: "badge" }, user.kind),
    ],
    [
      isFrontend ? "–" : adapterBadge(user.adapter),
      " ",
      user.frozen ? h("span", { class: "badge warn" }, "frozen") : null,
    ],
    isFrontend ? "–" : String(user.learned),
    isFrontend ? "–" : String(user.new_feedback),
    run
      ? [
          statusBadge(run.status),
          isOpen(run) ? ` ${formatPercent(run.progress.fraction)}` : ` ${formatTime(run.finished_at)}`,
        ]
      : "–",
    formatTime(user.created_at),
    formatTime(user.last_seen_at),
  ];
}

function tiles(overview) {
  const tile = (value, label) =>
    h("div", { class: "card tile" }, h("b", {}, value), h("span", { class: "muted small" }, label));
  return h(
    "div",
    { class: "tiles" },
    tile(String(overview.users), overview.users === 1 ? "user" : "users"),
    tile(String(overview.with_adapter), "with their own adapter"),
    tile(String(overview.new_feedback), "feedback items not learned from yet"),
    tile(String(overview.open_runs), "training runs in progress"),
    tile(formatBytes(overview.size_bytes), "of adapters on disk"),
  );
}

function anonymousNotice({ name, requests, remedy }) {
  return h(
    "p",
    { class: "notice" },
    `${plural(requests, "request")} of the frontend “${name}” named nobody, so nothing is remembered or learned: ${remedy}.`,
  );
}
