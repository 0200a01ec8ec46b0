import { ApiError, blobOf, describeModel, setToken, stream } from "./api.js";
import { RequestBlock, translate } from "./gallery.js";
import { currentLanguage, formatNumber, setLanguage, t } from "./i18n.js";
import * as imagePrompt from "./image-prompt.js";

const byId = (id) => document.getElementById(id);
const numbers = ["images", "pick", "top_k", "top_p", "temperature", "quality"];
const narrow = matchMedia("(max-width: 52rem)");
let model = null;
let running = null;  // AbortController of the request at work

// ---- language and theme
function chooseLanguage(language) {
  setLanguage(language);
  localStorage.setItem("language", language);
  const other = byId("language");
  other.textContent = language === "ru" ? "EN" : "RU";
  other.lang = language === "ru" ? "en" : "ru";
  other.setAttribute("aria-label", t("switch"));
  translate();
}
const dark = matchMedia("(prefers-color-scheme: dark)");
const applyTheme = () => { document.documentElement.dataset.theme = localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light"); };
dark.addEventListener("change", applyTheme);
byId("theme").addEventListener("click", () => {
  localStorage.setItem("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  applyTheme();
});
byId("language").addEventListener("click", () => chooseLanguage(currentLanguage() === "ru" ? "en" : "ru"));

// ---- messages
const say = (text) => {
  byId("status").removeAttribute("data-i18n");  // no more the text it came with
  byId("status").textContent = text;
};
function showError(text, field) {
  byId("error").textContent = text;
  byId("error").hidden = !text;
  for (const element of document.querySelectorAll(".invalid")) {
    element.classList.remove("invalid");
    element.removeAttribute("aria-invalid");
  }
  if (!field) return;
  field.closest("details")?.setAttribute("open", "");
  field.classList.add("invalid");
  field.setAttribute("aria-invalid", "true");
  field.focus();
}
function explain(error) {
  if (!(error instanceof ApiError)) return error instanceof TypeError ? t("lost") : error.message;
  const retry = error.retryAfter ? ` ${t("retry", error.retryAfter)}` : "";
  if (error.status === 429) return t("full") + retry;
  if (error.status === 504) return t("timeout");
  return error.message + retry;
}

// ---- the model
function configure(description) {
  model = description;
  const p = description.parameters ?? {};
  if (p.max_images) byId("images").max = byId("pick").max = p.max_images;
  const start = { top_k: p.top_k ?? 4096, top_p: p.top_p ?? 0.975, temperature: p.temperature ?? 1 };
  for (const [id, value] of Object.entries(start)) if (byId(id).value === "") byId(id).value = value;
  if (p.image_grid) imagePrompt.setSize(p.image_grid, p.image_size);
  byId("super_resolution").closest("label").hidden = p.super_resolution === false;
  byId("scale").textContent = p.scale ? `(×${p.scale})` : "";
  byId("model").textContent = description.name;
  byId("token-field").hidden = true;
  byId("draw").disabled = false;
  say("");
}
async function connect() {
  try {
    configure(await describeModel());
  } catch (error) {
    if (error.status === 401) {
      say(t("needToken"));
      byId("token-field").hidden = false;
      return;
    }
    say(error.status === 503 ? t("loading") : t("offline"));
    setTimeout(connect, 1500);
  }
}
byId("token").addEventListener("change", () => { setToken(byId("token").value); connect(); });

// ---- the form
function checked() {
  const query = byId("query").value.trim();
  if (!query) return showError(t("needPrompt"), byId("query"));
  const settings = { query, format: byId("format").value, super_resolution: byId("super_resolution").checked };
  const fields = [...numbers, ...(byId("borders").disabled ? [] : ["up", "down", "left", "right"]), ...(byId("seed").value || byId("seed").validity.badInput ? ["seed"] : [])];
  for (const id of fields) {
    const field = byId(id);
    if (!field.checkValidity()) {
      const name = byId("form").querySelector(`label[for=${id}]`).textContent;
      return showError(t(field.step === "any" ? "range" : "whole", name, field.min, field.max), field);
    }
    settings[id] = Number(field.value);
  }
  if (settings.pick > settings.images) return showError(t("pickTooMany"), byId("pick"));
  settings.image_prompt = imagePrompt.value();
  if (settings.image_prompt && !imagePrompt.keepsSomething()) return showError(t("needBorder"), byId("up"));
  showError("");
  return settings;
}
const instanceOf = (s) => ({
  query: s.query,
  params: {
    images_to_gen: s.images, images_to_cherry_pick: s.pick, top_k: s.top_k, top_p: s.top_p, temperature: s.temperature,
    super_res: s.super_resolution, format: s.format, quality: s.quality,
    preview_every: model.parameters?.image_grid ? 2 * model.parameters.image_grid : 32,
    ...(s.seed === undefined ? {} : { seed: s.seed }), ...(s.image_prompt ? { image_prompt: s.image_prompt } : {}),
  },
});
function takeSettings(settings) {
  for (const id of ["query", ...numbers, "format"]) byId(id).value = settings[id];
  byId("seed").value = settings.seed ?? "";
  byId("super_resolution").checked = settings.super_resolution;
  byId("more").open = true;
  byId("query").focus();
}

// ---- a request
const previews = new Map();
function preview({ number, image }) {
  const url = URL.createObjectURL(blobOf(image, "image/jpeg"));
  const box = byId("previews");
  let element = previews.get(number);
  if (!element) {
    previews.set(number, element = document.createElement("img"));
    element.alt = "";
    element.dataset.number = number;
    box.insertBefore(element, [...box.children].find((other) => Number(other.dataset.number) > number) ?? null);
  }
  if (element.src) URL.revokeObjectURL(element.src);
  element.src = url;
}
function progress({ stage, step, steps }) {
  if (byId("stage").dataset.stage !== stage) {
    byId("stage").dataset.stage = stage;
    byId("stage").textContent = t(stage);
    say(t(stage));
  }
  byId("count").textContent = steps > 0 ? (stage === "drawing" ? `${formatNumber(Math.floor((100 * step) / steps), 0)} %` : `${step} / ${steps}`) : "";
  if (steps > 0 && stage !== "waiting") byId("progress").value = step / steps;
  else byId("progress").removeAttribute("value");
}
function setWorking(working) {
  byId("draw").disabled = working;
  byId("results").classList.toggle("working", working);
  byId("work").hidden = !working;
  byId("previews").replaceChildren();
  for (const element of previews.values()) URL.revokeObjectURL(element.src);
  previews.clear();
}

async function run(settings) {
  running = new AbortController();
  const started = performance.now();
  setWorking(true);
  delete byId("stage").dataset.stage;
  progress({ stage: "sending", steps: 0 });
  byId("cancel").focus();
  if (narrow.matches) byId("results").scrollIntoView({ behavior: "smooth" });
  const clock = setInterval(() => { byId("elapsed").textContent = `${formatNumber((performance.now() - started) / 1000, 1)} ${t("seconds")}`; }, 100);
  const block = new RequestBlock(settings, {
    goOn: (blob) => imagePrompt.load(blob).then(() => byId("prompt-picture").scrollIntoView({ behavior: "smooth", block: "center" })),
    again: takeSettings,
  });
  let ended = false;
  const handlers = {
    queued: (data) => { block.queued(data); progress({ stage: "waiting", steps: 0 }); },
    progress,
    preview,
    picture: (data) => block.add(data),
    done: (data) => { ended = true; block.done(data.seconds); say(`${t("done")} ${data.images}`); },
    error: (data) => { throw new ApiError(data.status, data.error); },
  };
  try {
    await stream(model.name, instanceOf(settings), (type, data) => handlers[type]?.(data), running.signal);
    if (!ended) throw new TypeError("the stream ended early");
  } catch (error) {
    block.failed();
    if (error.name === "AbortError") say(t("cancelled"));
    else {
      say("");
      if (error.status === 401) byId("token-field").hidden = false;
      showError(explain(error));
    }
  } finally {
    clearInterval(clock);
    running = null;
    setWorking(false);
    byId("draw").focus({ preventScroll: true });
  }
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (running || !model) return;
  const settings = checked();
  if (settings) run(settings);
});
byId("cancel").addEventListener("click", () => running?.abort());
byId("query").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("form").requestSubmit();
});
for (const example of document.querySelectorAll(".example"))
  example.addEventListener("click", () => { byId("query").value = example.textContent; byId("query").focus(); });
byId("viewer").addEventListener("click", (event) => { if (event.target === byId("viewer")) byId("viewer").close(); });
imagePrompt.watch(() => showError(t("notPicture"), byId("file")));

applyTheme();
chooseLanguage(localStorage.getItem("language") ?? (navigator.language.startsWith("ru") || !navigator.languages.some((l) => l.startsWith("en")) ? "ru" : "en"));
connect();
