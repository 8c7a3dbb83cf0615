// Sends the feedback on a reply. The id of a feedback item is made from the id of the reply, so new
// feedback replaces the old.

import { ApiError, call } from "../shared/api.js";

const FIELDS = ["value", "correction", "preferred_over", "comment", "reason"];

function feedbackId(variant) {
  return `page-${variant.id}`;
}

/** Merges `changes` into `variant.feedback`, here and on the server. Throws `ApiError`. */
export async function sendFeedback(variant, changes) {
  const feedback = {};
  for (const [name, value] of Object.entries({ ...variant.feedback, ...changes })) {
    if (FIELDS.includes(name) && value) feedback[name] = value;
  }
  if (Object.keys(feedback).length === 0) {
    await withdraw(variant);
  } else {
    const body = { id: feedbackId(variant), target: variant.id, ...feedback };
    await call("POST", "/v1/feedback", { body });
  }
  variant.feedback = feedback;
}

async function withdraw(variant) {
  try {
    await call("DELETE", `/v1/feedback/${encodeURIComponent(feedbackId(variant))}`);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
}
