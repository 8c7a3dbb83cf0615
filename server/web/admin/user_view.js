// The page of one user: versions, promotions, training runs, and what an admin can do.

import { call, download } from "../shared/api.js";
import { confirmAction, showKey, toast } from "../shared/dialogs.js";
import { button, h, put } from "../shared/dom.js";
import { adapterBadge, formatBytes, formatDeviceTime, formatNumber, formatTime, table } from "../shared/format.js";
import { activityCard } from "./activity.js";
import { auditSection } from "./audit_view.js";
import { barCard } from "./charts.js";
import { pollEvaluation } from "./evaluation.js";
import { isOpen, liveRun, runTable } from "./runs.js";
import { folded } from "./verdict.js";
import { versionCard } from "./version_card.js";

export class UserView {
  constructor(page, userId, { onError, signal }) {
    this.page = page;
    this.path = `/v1/admin/adapters/${encodeURIComponent(userId)}`;
    this.userId = userId;
    this.onError = onError;
    this.signal = signal;
    /** @type {any} */
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
    const actions = {
      promote: (version) => this.#promote(adapter, version),
      download: (version) => this.#download(adapter, version),
      evaluate: (version) => this.#act(`/versions/${version.number}/evaluate`, "The evaluation suite is queued."),
      follow: (version, onRun) => this.#followEvaluation(version, signal, onRun),
    };
    put(
      this.page,
      this.#heading(adapter, open),
      this.#buttons(adapter, open),
      open
        ? liveRun(open, {
            title: open.status === "queued" ? "Waiting to be trained" : "Training now",
            signal,
            onEnd: (run) => this.#ended(run),
            onError: this.onError,
          })
        : null,
      versionCharts(adapter),
      section(
        "Versions",
        adapter.versions.length === 0
          ? h("p", { class: "muted" }, "None yet: the base model answers.")
          : adapter.versions.map((version) =>
              versionCard(version, {
                isOpen: this.opened.has(version.label) || (this.opened.size === 0 && version.active),
                actions,
                about: {
                  path: `${this.path}/versions/${version.number}`,
                  versions: adapter.versions,
                  onError: this.onError,
                },
              }),
            ),
      ),
      adapter.promotions.length ? section("Promotions", promotionTable(adapter.promotions)) : null,
      runs.length ? section("Training runs", runTable(runs)) : null,
      this.#later(activityCard(this.userId)),
      this.#log(),
    );
  }

  /** A place for what is still being read. */
  #later(reading) {
    const place = h("div", {});
    reading.then(
      (found) => put(place, found),
      (error) => error.name !== "AbortError" && this.onError(error),
    );
    return place;
  }

  #log() {
    const inside = h("div", {});
    const read = (event) => {
      if (!event.target.open || inside.hasChildNodes()) return;
      const { userId, onError, signal } = this;
      inside.append(this.#later(auditSection({ userId, onError, signal })));
    };
    return h("details", { class: "part", ontoggle: read }, h("summary", {}, "Log"), inside);
  }

  #heading(adapter, open) {
    return h(
      "section",
      { class: "section" },
      h("p", {}, h("a", { href: "#/" }, "All users")),
      h(
        "div",
        { class: "row" },
        h("h1", {}, adapter.name),
        adapterBadge(adapter.active),
        adapter.frozen ? h("span", { class: "badge warn" }, "frozen") : null,
      ),
      h(
        "p",
        { class: "muted" },
        open ? null : `${sentence(adapter.due.reason)} `,
        adapter.usage.device_seconds ? `Trained for ${formatDeviceTime(adapter.usage)} in all.` : "Not trained yet.",
      ),
    );
  }

  #buttons(adapter, open) {
    return h(
      "div",
      { class: "row" },
      button("Train now", () => this.#act("/train", "The training is queued."), {
        id: "train",
        class: "primary",
        disabled: open !== null || adapter.frozen,
      }),
      button("Roll back", () => this.#rollBack(adapter), { id: "rollback", disabled: adapter.promotions.length === 0 }),
      adapter.active === "base"
        ? null
        : button("Use the base model", () => this.#promote(adapter, null), { id: "to-base" }),
      adapter.frozen
        ? button("Unfreeze", () => this.#act("/unfreeze", "Unfrozen."), { id: "unfreeze" })
        : button("Freeze", () => this.#freeze(adapter), { id: "freeze" }),
      button("New key", () => this.#newKey(adapter), { id: "replace-key" }),
      button("Erase user", () => this.#erase(adapter), { id: "erase", class: "danger" }),
    );
  }

  #ended(run) {
    if (run) toast(run.status === "promoted" ? `${run.version} answers now.` : `Training ${run.status}: ${run.reason}`);
    return this.refresh().catch(this.onError);
  }

  async #followEvaluation(version, signal, onRun) {
    try {
      if (await pollEvaluation(`${this.path}/versions/${version.number}/evaluate`, signal, onRun)) await this.refresh();
    } catch (error) {
      this.onError(error);
    }
  }

  async #act(path, done, body) {
    try {
      await call("POST", this.path + path, { body });
      toast(done);
    } catch (error) {
      this.onError(error);
    }
    await this.refresh().catch(this.onError);
  }

  async #rollBack(adapter) {
    const text = `${adapter.active} stops answering, and the version before it takes over. Replies in progress are not affected.`;
    if (await confirmAction({ title: `Roll back ${adapter.name}?`, text, action: "Roll back" }))
      await this.#act("/rollback", "Rolled back.");
  }

  async #freeze(adapter) {
    const text = "The version in use keeps answering. Feedback is stored, but nothing is trained until you unfreeze.";
    if (await confirmAction({ title: `Freeze ${adapter.name}?`, text, action: "Freeze" }))
      await this.#act("/freeze", "Frozen.");
  }

  async #newKey(adapter) {
    const text = "The old key stops working at once. The new key is shown only once.";
    if (!(await confirmAction({ title: `Replace the key of ${adapter.name}?`, text, action: "Make a new key" })))
      return;
    try {
      showKey(await call("POST", `/v1/admin/users/${encodeURIComponent(this.userId)}/key`));
    } catch (error) {
      this.onError(error);
    }
  }

  async #promote(adapter, version) {
    const label = version?.label ?? "base";
    const name = version?.label ?? "the base model";
    const agreed = await confirmAction({
      title: `Promote ${name} for ${adapter.name}?`,
      text: `It replaces ${adapter.active} from the next reply on.`,
      action: "Promote",
    });
    if (agreed)
      await this.#act("/promote", `${name} answers now.`, {
        version: version?.number ?? label,
        expected: adapter.active,
      });
  }

  async #download(adapter, version) {
    try {
      await download(
        `${this.path}/versions/${version.number}/download`,
        `loralei-${adapter.name}-${version.label}.zip`,
      );
    } catch (error) {
      this.onError(error);
    }
  }

  async #erase(adapter) {
    const agreed = await confirmAction({
      title: `Erase ${adapter.name}?`,
      text: "The key, the chats, the feedback, every version and every file of this user are deleted. This cannot be undone.",
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
      this.onError(error);
    }
  }
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function section(title, ...children) {
  return h("section", { class: "section" }, h("h2", {}, title), children);
}

function versionCharts(adapter) {
  const versions = [...adapter.versions].reverse().slice(-8);
  if (versions.length < 2) return null;
  const measured = versions.filter((version) => version.report.evaluation?.reference_kl !== undefined);
  const row = (version, value, text) => ({ label: version.label, value, text, isAfter: version.active });
  const drift = (version) => {
    const { reference_kl: kl } = version.report.evaluation;
    return row(version, kl, formatNumber(kl, 3));
  };
  const charts = h(
    "div",
    { class: "charts" },
    barCard(
      "Examples learned from",
      "The version in use is highlighted.",
      versions.map((version) => row(version, version.examples, String(version.examples))),
    ),
    measured.length < 2
      ? null
      : barCard(
          "Drift from the base",
          "Nats per token on fixed prompts. Near zero, general skills are kept.",
          measured.map(drift),
        ),
    barCard(
      "Size",
      null,
      versions.map((version) => row(version, version.size_bytes, formatBytes(version.size_bytes))),
    ),
  );
  return section("Versions side by side", charts);
}

function promotionTable(promotions) {
  const headings = [{ text: "When", isTime: true }, { text: "From" }, { text: "To" }, { text: "By" }, { text: "Why" }];
  return table(
    headings,
    promotions.map((promotion) => [
      formatTime(promotion.at),
      adapterBadge(promotion.from),
      adapterBadge(promotion.to),
      promotion.by,
      folded(promotion.reason),
    ]),
  );
}
