// Talks to the server: JSON, server-sent events, downloads. Both pages use it.

/** Why a signal aborts if the stream is left alone, and its reply goes on. */
export const LEFT = "left";

let key = null;

/** The server refused a request, for this reason. Status 0: the server could not be reached. */
export class ApiError extends Error {
  constructor(status, message, { code = null, param = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

/** Sends this key from now on. */
export function useKey(value) {
  key = value;
}

async function errorOf(response) {
  try {
    const { error } = await response.json();
    return new ApiError(response.status, error.message, error);
  } catch {
    return new ApiError(response.status, `The server answered with status ${response.status}.`);
  }
}

/**
 * Sends a request with the key and returns the response; throws `ApiError`.
 * @param {string} method
 * @param {string} path
 * @param {{body?: object, headers?: Record<string, string>, signal?: AbortSignal}} [options]
 */
export async function send(method, path, { body, headers = {}, signal } = {}) {
  /** @type {RequestInit} */
  const options = { method, signal, headers: { ...headers, Authorization: `Bearer ${key}` } };
  if (body !== undefined) {
    options.headers = { ...options.headers, "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The server cannot be reached. Is it running?");
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

/**
 * Sends a request and returns its JSON; null if the response has no body.
 * @param {string} method
 * @param {string} path
 * @param {Parameters<typeof send>[2]} [options]
 * @returns {Promise<any>}
 */
export async function call(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : response.json();
}

/**
 * Yields the `data` of each server-sent event of a response. The connection is closed at the end, or once
 * the signal aborts with `LEFT`.
 * @param {any} response
 * @param {AbortSignal} [signal]
 */
export async function* events(response, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const close = () => reader.cancel().catch(() => null);
  signal?.addEventListener("abort", () => signal.reason === LEFT && close());
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const lines = rest.split(/\r?\n/);
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("data:")) yield line.slice(5).trimStart();
      }
    }
  } finally {
    close();
  }
}

/** Saves a response as a file, called `name` unless the server names it. */
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
