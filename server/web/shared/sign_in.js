// Keeps the keys: a user's in this browser, an admin's in this tab only. So neither page takes the
// other's, and an admin's is gone once the tab is closed.

import { ApiError, call, useKey } from "./api.js";
import { askForKey, confirmAction } from "./dialogs.js";

export const USER_KEY = "loralei.key";
const ADMIN_KEY = "loralei.admin-key";
const IN_USE = "Somebody else is signed in here. If you go on, what you write goes to the account of the link.";

/** The key of the address (`#key=…`), which leaves the address bar. */
function linkedKey() {
  const found = new URLSearchParams(location.hash.slice(1)).get("key");
  if (found) history.replaceState(history.state, "", location.pathname);
  return found;
}

// Pasting a key into the address of an open page changes only the fragment.
window.addEventListener("hashchange", () => location.hash.startsWith("#key=") && location.reload());

/** The key to try first: the stored one, or that of a link if the person agrees. */
async function chooseKey(isAdminPage) {
  const linked = linkedKey();
  const stored = (!isAdminPage && localStorage.getItem(USER_KEY)) || sessionStorage.getItem(ADMIN_KEY);
  if (!linked || !stored || linked === stored) return linked ?? stored;
  const title = "Use the key of this link?";
  return (await confirmAction({ title, text: IN_USE, action: "Use the link’s key" })) ? linked : stored;
}

/** Keeps a key that the server knows, in place of the page's earlier one. */
function keepKey(key, me, isAdminPage) {
  if (me.is_admin) sessionStorage.setItem(ADMIN_KEY, key);
  if (isAdminPage) return;
  if (me.is_admin) localStorage.removeItem(USER_KEY);
  else localStorage.setItem(USER_KEY, key);
}

function drop(key) {
  if (localStorage.getItem(USER_KEY) === key) localStorage.removeItem(USER_KEY);
  if (sessionStorage.getItem(ADMIN_KEY) === key) sessionStorage.removeItem(ADMIN_KEY);
}

function refusal(error, isFrontends) {
  if (isFrontends) return "This is a frontend’s key: it acts for the users of another program. Enter a user’s key.";
  return error.status === 401 ? "The server does not know this key." : error.message;
}

async function check(key, isAdminPage) {
  useKey(key);
  let me;
  try {
    me = await call("GET", "/v1/me");
  } catch (error) {
    const isFrontends = error.status === 400 && error.param === "user";
    if (![401, 403].includes(error.status) && !isFrontends) throw error;
    drop(key);
    throw new ApiError(error.status, refusal(error, isFrontends));
  }
  if (isAdminPage && !me.is_admin) throw new ApiError(403, "This is not an admin’s key.");
  keepKey(key, me, isAdminPage);
  return me;
}

/** Signs in by a stored key, by that of a link, or asks; resolves to the answer of `/v1/me`. */
export async function signIn({ isAdminPage = false } = {}) {
  const { notice = "" } = history.state ?? {};
  const key = await chooseKey(isAdminPage);
  history.replaceState(null, "");
  try {
    if (key) return await check(key, isAdminPage);
  } catch (error) {
    return askForKey({ reason: error.message, check: (typed) => check(typed, isAdminPage) });
  }
  return askForKey({ reason: notice, isCalm: true, check: (typed) => check(typed, isAdminPage) });
}

/** Forgets the page's key. Loads the page anew, so that nothing of the user is left on it. */
export function leave(notice, { isAdminPage = false } = {}) {
  if (!isAdminPage) localStorage.removeItem(USER_KEY);
  sessionStorage.removeItem(ADMIN_KEY);
  history.replaceState({ notice }, "", location.pathname);
  location.reload();
}
