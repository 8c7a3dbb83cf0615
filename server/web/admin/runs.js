// Training runs: a table of them, and a card that follows one that is running.

import { call, events, send } from "../shared/api.js";
import { confirmAction } from "../shared/dialogs.js";
import { button, h, put } from "../shared/dom.js";
import { formatDeviceTime, formatDuration, formatTime, statusBadge, table } from "../shared/format.js";
import { lineCard } from "./charts.js";
import { reasonOf } from "./verdict.js";

// The others say themselves what happens.
const PHASES = { queued: "Waiting for its turn", fitting: "Fitting the adapter to the examples" };

export function isOpen(run) {
  return run !== null && (run.status === "queued" || run.status === "running");
}

function runTime(run) {
  return run.started_at && run.finished_at ? formatDuration(run.finished_at - run.started_at) : "–";
}

/** A table of runs, newest first; `withUsers` adds whose they are. */
export function runTable(runs, { withUsers = false } = {}) {
  const headings = [
    ...(withUsers ? [{ text: "User" }] : []),
    { text: "Started", isTime: true },
    { text: "Requested by" },
    { text: "Outcome" },
    { text: "Version" },
    { text: "Duration", isNumber: true },
    { text: "Device time", isNumber: true },
  ];
  const rows = runs.map((run) => [
    ...(withUsers ? [h("a", { href: `#/users/${encodeURIComponent(run.user)}` }, run.user_name)] : []),
    formatTime(run.started_at ?? run.created_at),
    run.requested_by === run.trigger ? run.trigger : `${run.requested_by} (${run.trigger})`,
    [statusBadge(run.status), run.reason ? h("div", { class: "reason" }, reasonOf(run)) : null],
    run.version ?? "–",
    runTime(run),
    formatDeviceTime(run.usage),
  ]);
  return table(headings, rows);
}

/** A card that follows an open run to its end, then calls `onEnd(run)`. */
export function liveRun(run, { title, signal, onEnd, onError }) {
  const card = h("section", { class: "card section", "aria-label": title });
  const losses = [];
  const show = (now) => {
    const { progress } = now;
    const last = losses.at(-1);
    if (progress.loss !== null && (!last || last.x !== progress.step))
      losses.push({ x: progress.step, y: progress.loss });
    put(
      card,
      h(
        "div",
        { class: "row spread" },
        h("h2", {}, title),
        h("div", { class: "row" }, statusBadge(now.status), cancelButton(now, onError)),
      ),
      h("progress", { max: 1, value: progress.fraction, "aria-label": title }),
      h("p", { class: "muted small" }, describe(progress)),
      losses.length > 1 ? lineCard("Loss while training", null, losses) : null,
    );
  };
  show(run);
  follow(run.id, signal, show).then(onEnd, (error) => error.name !== "AbortError" && onError(error));
  return card;
}

function describe({ phase, fraction, step, steps }) {
  const done = steps > 0 ? `, step ${step} of ${steps}` : "";
  const name = PHASES[phase] ?? `${phase.charAt(0).toUpperCase()}${phase.slice(1)}`;
  return `${name}${done}: ${Math.round(fraction * 100)} %`;
}

function cancelButton(run, onError) {
  const cancel = async () => {
    const agreed = await confirmAction({
      title: "Cancel this training?",
      text: "The version in use keeps answering.",
      action: "Cancel the training",
      isDanger: true,
    });
    if (!agreed) return;
    try {
      await call("POST", `/v1/admin/runs/${encodeURIComponent(run.id)}/cancel`);
    } catch (error) {
      onError(error);
    }
  };
  return button("Cancel", cancel, { id: "cancel-run" });
}

async function follow(id, signal, onRun) {
  let run = null;
  const response = await send("GET", `/v1/admin/runs/${encodeURIComponent(id)}/events`, { signal });
  for await (const data of events(response)) {
    run = JSON.parse(data);
    onRun(run);
  }
  return run;
}
