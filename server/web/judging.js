// Sends what a person thinks of a reply. One row of feedback per reply: its id is made from the
// reply's, so changing one's mind changes the row.

import { ApiError, call } from "./api.js";

const SAID = ["value", "correction", "preferred_over", "comment", "reason"];

function feedbackId(variant) {
  return `page-${variant.id}`;
}

/** Keeps `variant.judgement` with `changes`, here and on the server; throws `ApiError`. */
export async function judge(variant, changes) {
  const judgement = {};
  for (const [name, value] of Object.entries({ ...variant.judgement, ...changes })) {
    if (SAID.includes(name) && value) judgement[name] = value;
  }
  if (Object.keys(judgement).length === 0) {
    await withdraw(variant);
  } else {
    await call("POST", "/v1/feedback", { body: { id: feedbackId(variant), target: variant.id, ...judgement } });
  }
  variant.judgement = judgement;
}

async function withdraw(variant) {
  try {
    await call("DELETE", `/v1/feedback/${encodeURIComponent(feedbackId(variant))}`);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
}
