// Who did what when, of all users or of one.

import { call } from "../shared/api.js";
import { button, h, put } from "../shared/dom.js";
import { formatTime, table } from "../shared/format.js";
import { folded } from "./verdict.js";

const PAGE = 50;

/** A section that reads the log, newest first; `userId` null is everybody. */
export async function auditSection({ userId = null, onError, signal }) {
  const results = h("div", { class: "section" });
  const entries = [];
  const more = async () => {
    const wanted = Object.entries({ limit: PAGE, user: userId, after: entries.at(-1)?.id }).filter(
      ([, value]) => value,
    );
    const { data, has_more: hasMore } = await call("GET", `/v1/admin/audit?${new URLSearchParams(wanted)}`, { signal });
    entries.push(...data);
    put(
      results,
      entries.length ? auditTable(entries, userId === null) : h("p", { class: "muted" }, "Nothing yet."),
      hasMore ? button("Show more", () => more().catch(onError), { id: "more-log" }) : null,
    );
  };
  await more();
  return results;
}

function auditTable(entries, withUsers) {
  const headings = [
    { text: "When", isTime: true },
    ...(withUsers ? [{ text: "User" }] : []),
    { text: "What" },
    { text: "By" },
    { text: "Why" },
  ];
  return table(
    headings,
    entries.map((entry) => [
      formatTime(entry.at),
      ...(withUsers ? [whom(entry)] : []),
      entry.to ? `${entry.action} ${entry.from} → ${entry.to}` : entry.action,
      entry.by ?? "–",
      entry.reason ? folded(entry.reason) : "–",
    ]),
  );
}

function whom(entry) {
  if (entry.user_name) return h("a", { href: `#/users/${encodeURIComponent(entry.user)}` }, entry.user_name);
  const hash = entry.user_hash ?? "";
  return h("span", { class: "mono", title: hash }, hash ? `erased ${hash.slice(0, 12)}…` : "erased");
}
