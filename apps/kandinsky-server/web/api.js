// The server, as the page sees it.
export class ApiError extends Error {
  constructor(status, message, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

let token = sessionStorage.getItem("token") ?? "";
export function setToken(value) {
  token = value.trim();
  sessionStorage.setItem("token", token);
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  let message = `${response.status} ${response.statusText}`;
  try {
    message = (await response.json()).error ?? message;
  } catch { /* no JSON: the status says it */ }
  throw new ApiError(response.status, message, response.headers.get("Retry-After"));
}

// Name and parameters of the served model. Throws ApiError (503 while it loads).
export async function describeModel() {
  const [name] = (await (await request("v1/models")).json()).models;
  const model = await (await request(`v2/models/${encodeURIComponent(name)}`)).json();
  await request(`v2/models/${encodeURIComponent(name)}/ready`);
  return model;
}

// Draws, and calls on_event(type, data) for every Server-sent event. EventSource cannot POST, hence a reader of our own.
export async function stream(model, instance, onEvent, signal) {
  const response = await request(`v1/models/${encodeURIComponent(model)}:stream`, {
    method: "POST", signal, headers: { "Content-Type": "application/json" }, body: JSON.stringify({ instances: [instance] }),
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pieces = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    pieces.push(value);
    if (!value.includes("\n")) continue;  // pictures are long: joined once, when their line is complete
    const blocks = pieces.join("").split("\n\n");
    pieces = [blocks.pop()];
    for (const block of blocks) dispatch(block, onEvent);
  }
}

function dispatch(block, onEvent) {
  let type = "message";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) type = line.slice(6).trim();
    else if (line.startsWith("data:")) data += line.slice(5);
  }
  if (data) onEvent(type, JSON.parse(data));
}

export function blobOf(base64, type) {
  return new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], { type });
}
