// Trainings: as a table, and one that is going on, live.

import { call, events, send } from "./api.js";
import { confirmed } from "./dialogs.js";
import { h, put } from "./dom.js";
import { line } from "./charts.js";
import { deviceTime, duration, stateBadge, table, time } from "./format.js";

export function isOpen(run) {
  return run !== null && (run.status === "queued" || run.status === "running");
}

function took(run) {
  return run.started_at && run.finished_at ? duration(run.finished_at - run.started_at) : "–";
}

/** A table of runs; `nameOf` gives a user's name, or null to leave the column out. */
export function runTable(runs, nameOf) {
  const headings = [
    ...(nameOf ? [{ text: "User" }] : []),
    { text: "Started" },
    { text: "Asked by" },
    { text: "Outcome" },
    { text: "Version" },
    { text: "Took", isNumber: true },
    { text: "Device time", isNumber: true },
  ];
  const rows = runs.map((run) => [
    ...(nameOf ? [h("a", { href: `#/users/${encodeURIComponent(run.user)}` }, nameOf(run.user))] : []),
    time(run.started_at ?? run.created_at),
    run.requested_by === run.trigger ? run.trigger : `${run.requested_by} (${run.trigger})`,
    [stateBadge(run.status), run.reason ? h("span", { class: "reason" }, run.reason) : null],
    run.version ?? "–",
    took(run),
    deviceTime(run.usage),
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
    if (progress.loss !== null && (!last || last.x !== progress.step)) losses.push({ x: progress.step, y: progress.loss });
    put(
      card,
      h("div", { class: "row spread" }, h("h2", {}, title), h("div", { class: "row" }, stateBadge(now.status), cancelButton(now, onError))),
      h("progress", { max: 1, value: progress.fraction, "aria-label": title }),
      h("p", { class: "muted small" }, describe(progress)),
      losses.length > 1 ? line("Loss while training", null, losses) : null,
    );
  };
  show(run);
  follow(run.id, signal, show).then(onEnd, (error) => error.name !== "AbortError" && onError(error));
  return card;
}

function describe({ phase, fraction, step, steps }) {
  const done = steps > 0 ? `, step ${step} of ${steps}` : "";
  return `${phase}${done}: ${Math.round(fraction * 100)} %`;
}

function cancelButton(run, onError) {
  const cancel = async () => {
    const agreed = await confirmed({ title: "Cancel this training?", text: "The version in use keeps answering.", action: "Cancel the training", isDanger: true });
    if (!agreed) return;
    try {
      await call("POST", `/v1/admin/runs/${encodeURIComponent(run.id)}/cancel`);
    } catch (error) {
      onError(error);
    }
  };
  return h("button", { type: "button", id: "cancel-run", onclick: cancel }, "Cancel");
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
