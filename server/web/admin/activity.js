// Thumbs by day, and what one user's replies took.

import { call } from "../shared/api.js";
import { h } from "../shared/dom.js";
import { plural } from "../shared/format.js";
import { dayCard } from "./charts.js";

const DAYS = 30;
const DAY_MS = 86400e3;

/** A card of the last days of all users, or of one; null if there was nothing. */
export async function activityCard(userId = null) {
  const whose = userId === null ? "" : `&user=${encodeURIComponent(userId)}`;
  const { since, days, tokens } = await call("GET", `/v1/admin/activity?days=${DAYS}${whose}`);
  if (days.length === 0 && !tokens?.prompt) return null;
  const given = new Map(days.map((each) => [each.day, each]));
  const all = Array.from({ length: DAYS }, (_, index) => {
    const day = new Date(since * 1000 + index * DAY_MS).toISOString().slice(0, 10);
    return given.get(day) ?? { day, up: 0, down: 0, corrections: 0 };
  });
  return h("section", { class: "section" }, h("h2", {}, "Activity"), dayCard("Thumbs by day", note(all, tokens), all));
}

function note(days, tokens) {
  const sum = (name) => days.reduce((total, day) => total + day[name], 0);
  const read = tokens ? ` Its stored replies read ${tokens.prompt} tokens and wrote ${tokens.completion}.` : "";
  return `${sum("up")} up, ${sum("down")} down and ${plural(sum("corrections"), "correction")} in ${DAYS} days.${read}`;
}
