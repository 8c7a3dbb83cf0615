// Talks to the server: the key, JSON, server-sent events, downloads. Knows no page.

const KEY = "loralei.key";
let key = null;

/** What the server refused, with its reason; status 0 means that it could not be reached. */
export class ApiError extends Error {
  constructor(status, message, code = null) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The key of this browser; one in the address (`#key=…`) wins and leaves the address bar. */
export function currentKey() {
  const found = new URLSearchParams(location.hash.slice(1)).get("key");
  if (found) {
    keepKey(found);
    history.replaceState(null, "", location.pathname);
  }
  key ??= localStorage.getItem(KEY);
  return key;
}

// A key pasted into the address of an open page changes only its fragment.
window.addEventListener("hashchange", () => location.hash.startsWith("#key=") && location.reload());

export function keepKey(value) {
  key = value;
  localStorage.setItem(KEY, value);
}

export function forgetKey() {
  key = null;
  localStorage.removeItem(KEY);
}

async function reasonOf(response) {
  try {
    const { error } = await response.json();
    return new ApiError(response.status, error.message, error.code);
  } catch {
    return new ApiError(response.status, `The server answered with status ${response.status}.`);
  }
}

/** Sends a request with the key and returns the response; throws `ApiError`. */
export async function send(method, path, { body, headers = {}, signal } = {}) {
  const options = { method, signal, headers: { ...headers, Authorization: `Bearer ${key}` } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The server cannot be reached. Is it running?");
  }
  if (!response.ok) throw await reasonOf(response);
  return response;
}

/** Sends a request and returns its JSON, or null when there is none. */
export async function call(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** The `data` of each server-sent event of a response, until it ends. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const lines = rest.split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data:")) yield line.slice(5).trimStart();
    }
  }
}

/** Saves what a path answers as a file; the server's name for it wins over `name`. */
export async function download(path, name) {
  const response = await send("GET", path);
  const given = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "");
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = given ? given[1] : name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
