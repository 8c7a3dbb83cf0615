// One user's page: who answers, what it learned from, what was tried, and the acts of an admin.

import { call, download } from "./api.js";
import { bars } from "./charts.js";
import { confirmed, showKey, toast } from "./dialogs.js";
import { h, put } from "./dom.js";
import { adapterBadge, deviceTime, size, table, time } from "./format.js";
import { isOpen, liveRun, runTable } from "./runs.js";
import { follow } from "./suite.js";
import { versionCard } from "./version.js";

export class UserView {
  constructor(page, userId, { failed, signal }) {
    this.page = page;
    this.path = `/v1/admin/adapters/${encodeURIComponent(userId)}`;
    this.userId = userId;
    this.failed = failed;
    this.signal = signal;
    this.opened = null;
    this.live = new AbortController();
  }

  async refresh() {
    const runsPath = `/v1/admin/runs?limit=20&user=${encodeURIComponent(this.userId)}`;
    const [adapter, runs] = await Promise.all([call("GET", this.path), call("GET", runsPath)]);
    if (this.signal.aborted) return;
    this.opened = new Set([...this.page.querySelectorAll("details.version[open]")].map((card) => card.dataset.version));
    this.#show(adapter, runs.data);
  }

  #show(adapter, runs) {
    this.live.abort();
    this.live = new AbortController();
    const signal = AbortSignal.any([this.signal, this.live.signal]);
    const open = runs.find(isOpen) ?? null;
    const acts = {
      promote: (version) => this.#promote(adapter, version),
      download: (version) => this.#download(adapter, version),
      evaluate: (version) => this.#act(`/versions/${version.number}/evaluate`, "The regression suite is queued."),
      followSuite: (version, onRun) => this.#followSuite(version, signal, onRun),
    };
    put(
      this.page,
      this.#heading(adapter),
      this.#buttons(adapter, open),
      open ? liveRun(open, { title: "Training now", signal, onEnd: (run) => this.#ended(run), onError: this.failed }) : null,
      sizes(adapter),
      section(
        "Versions",
        adapter.versions.length === 0
          ? h("p", { class: "muted" }, "None yet: the base model answers.")
          : adapter.versions.map((version) => versionCard(version, { isOpen: this.opened.has(version.label) || (this.opened.size === 0 && version.active), acts })),
      ),
      adapter.promotions.length ? section("Who answered when", promotionTable(adapter.promotions)) : null,
      runs.length ? section("Trainings", runTable(runs, null)) : null,
    );
  }

  #heading(adapter) {
    return h(
      "section",
      { class: "section" },
      h("p", {}, h("a", { href: "#/" }, "All users")),
      h("div", { class: "row" }, h("h1", {}, adapter.name), adapterBadge(adapter.active), adapter.frozen ? h("span", { class: "badge warn" }, "frozen") : null),
      h("p", { class: "muted" }, sentence(adapter.due.reason), ` Trained for ${deviceTime(adapter.usage)} in all.`),
    );
  }

  #buttons(adapter, open) {
    const button = (id, text, onclick, attributes = {}) => h("button", { type: "button", id, onclick, ...attributes }, text);
    return h(
      "div",
      { class: "row" },
      button("train", "Train now", () => this.#act("/train", "The training is queued."), { class: "primary", disabled: open !== null || adapter.frozen }),
      button("rollback", "Roll back", () => this.#rollBack(adapter), { disabled: adapter.promotions.length === 0 }),
      adapter.active === "base" ? null : button("to-base", "Let the base answer", () => this.#promote(adapter, null)),
      adapter.frozen
        ? button("unfreeze", "Unfreeze", () => this.#act("/unfreeze", "Trainings go on."))
        : button("freeze", "Freeze", () => this.#freeze(adapter)),
      button("replace-key", "New key", () => this.#newKey(adapter)),
      button("erase", "Erase user", () => this.#erase(adapter), { class: "danger" }),
    );
  }

  #ended(run) {
    if (run) toast(run.status === "promoted" ? `${run.version} answers now.` : `Training ${run.status}: ${run.reason}`);
    return this.refresh().catch(this.failed);
  }

  async #followSuite(version, signal, onRun) {
    try {
      if (await follow(`${this.path}/versions/${version.number}/evaluate`, signal, onRun)) await this.refresh();
    } catch (error) {
      this.failed(error);
    }
  }

  async #act(path, done, body) {
    try {
      await call("POST", this.path + path, { body });
      toast(done);
    } catch (error) {
      this.failed(error);
    }
    await this.refresh().catch(this.failed);
  }

  async #rollBack(adapter) {
    const text = `${adapter.active} stops answering; what answered before it takes over. Replies being written finish as they began.`;
    if (await confirmed({ title: `Roll back ${adapter.name}?`, text, action: "Roll back" })) await this.#act("/rollback", "Rolled back.");
  }

  async #freeze(adapter) {
    const text = "The version in use keeps answering. Judgements are kept, but nothing is trained until you unfreeze.";
    if (await confirmed({ title: `Freeze ${adapter.name}?`, text, action: "Freeze" })) await this.#act("/freeze", "Frozen.");
  }

  async #newKey(adapter) {
    const text = "The keys in use stop working at once; the new one is shown once.";
    if (!(await confirmed({ title: `Replace the key of ${adapter.name}?`, text, action: "Make a new key" }))) return;
    try {
      showKey(await call("POST", `/v1/admin/users/${encodeURIComponent(this.userId)}/key`));
    } catch (error) {
      this.failed(error);
    }
  }

  async #promote(adapter, version) {
    const label = version?.label ?? "base";
    const name = version?.label ?? "the base model";
    const agreed = await confirmed({ title: `Let ${name} answer ${adapter.name}?`, text: `It takes over from ${adapter.active} with the next reply.`, action: "Promote" });
    if (agreed) await this.#act("/promote", `${name} answers now.`, { version: version?.number ?? label, expected: adapter.active });
  }

  async #download(adapter, version) {
    try {
      await download(`${this.path}/versions/${version.number}/download`, `loralei-${adapter.name}-${version.label}.zip`);
    } catch (error) {
      this.failed(error);
    }
  }

  async #erase(adapter) {
    const agreed = await confirmed({
      title: `Erase ${adapter.name}?`,
      text: "The key, the chats, the judgements, every version and every file of this user are deleted. This cannot be undone.",
      action: "Erase",
      isDanger: true,
      typed: adapter.name,
    });
    if (!agreed) return;
    try {
      await call("DELETE", `/v1/admin/users/${encodeURIComponent(this.userId)}`);
      toast(`${adapter.name} is erased.`);
      location.hash = "#/";
    } catch (error) {
      this.failed(error);
    }
  }
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function section(title, ...children) {
  return h("section", { class: "section" }, h("h2", {}, title), children);
}

function sizes(adapter) {
  const versions = [...adapter.versions].reverse().slice(-8);
  if (versions.length < 2) return null;
  const measured = versions.filter((version) => version.report.evaluation);
  const row = (version, value, text) => ({ label: version.label, value, text, isAfter: version.active });
  return h(
    "div",
    { class: "charts" },
    bars("Rows learned from", "The version in use is coloured.", versions.map((version) => row(version, version.rows, String(version.rows)))),
    measured.length < 2 ? null : bars("Drift from the base", "Nats per token on fixed prompts; near zero keeps general skill.", measured.map((version) => row(version, version.report.evaluation.anchor_kl, version.report.evaluation.anchor_kl.toFixed(3)))),
    bars("Size", null, versions.map((version) => row(version, version.size_bytes, size(version.size_bytes)))),
  );
}

function promotionTable(promotions) {
  const headings = [{ text: "When" }, { text: "From" }, { text: "To" }, { text: "By" }, { text: "Why" }];
  return table(headings, promotions.map((move) => [time(move.at), adapterBadge(move.from), adapterBadge(move.to), move.by, move.reason]));
}
