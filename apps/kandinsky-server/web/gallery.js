// Pictures of finished and running requests, newest request first.
import { blobOf } from "./api.js";
import { formatNumber, t } from "./i18n.js";

const byId = (id) => document.getElementById(id);
const make = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};
const rows = [];  // [element, how it is written in the page's language]

function show(picture, url, query) {
  byId("viewer-image").src = url;
  byId("viewer-image").alt = query;
  byId("viewer-text").textContent = `${query}, ${picture.width} × ${picture.height}`;
  byId("viewer").showModal();
}

const translated = (element, write) => {
  rows.push([element, write]);
  write(element);
  return element;
};
const text = (tag, key, attributes = {}) => translated(make(tag, attributes), (element) => { element.textContent = t(key); });
export const translate = () => { for (const [element, write] of rows) write(element); };

// A request's block. handlers: { goOn(blob), again(settings) }.
export class RequestBlock {
  constructor(settings, handlers) {
    this.settings = settings;
    this.handlers = handlers;
    this.list = make("ol", { className: "pictures" });
    this.about = make("p", { className: "about" });
    const again = text("button", "again", { type: "button" });
    again.addEventListener("click", () => handlers.again({ ...settings, seed: this.seed }));
    const head = make("div", { className: "request-head" }, make("h2", { textContent: settings.query }), again);
    this.element = make("article", { className: "request", hidden: true }, head, this.about, this.list);
    byId("gallery").prepend(this.element);
  }

  queued({ seed }) { this.seed = seed; }

  add(picture) {
    const type = `image/${picture.format}`;
    const blob = blobOf(picture.image, type);
    const url = URL.createObjectURL(blob);
    const { query } = this.settings;
    const image = make("img", { src: url, alt: `${query}, ${picture.index + 1}`, width: picture.width, height: picture.height });
    const open = make("button", { type: "button", className: "open" }, image);
    open.addEventListener("click", () => show(picture, url, query));
    const facts = make("dl");
    const fact = (key, write) => facts.append(text("dt", key), translated(make("dd"), (element) => { element.textContent = write(); }));
    if (picture.clip_score !== null) fact("score", () => formatNumber(picture.clip_score, 3));
    fact("ppl", () => formatNumber(picture.ppl, 2));
    fact("seed", () => String(picture.seed));
    fact("number", () => String(picture.number));
    const name = `kandinsky-${picture.seed}-${picture.number}.${picture.format === "png" ? "png" : "jpg"}`;
    const save = text("a", "download", { className: "button", href: url, download: name });
    const goOn = text("button", "goOn", { type: "button" });
    goOn.addEventListener("click", () => this.handlers.goOn(blob));
    this.list.append(make("li", { className: "card" }, open, facts, make("div", { className: "buttons" }, save, goOn)));
    this.element.hidden = false;
    byId("empty").hidden = true;
  }

  done(seconds) {
    const { images, top_k, top_p, temperature } = this.settings;
    translated(this.about, (element) => {
      element.textContent = [`${this.list.children.length} ${t("kept")} ${images}`, `top-k ${top_k}`, `top-p ${top_p}`,
        `${t("temperature").toLowerCase()} ${temperature}`, `${formatNumber(seconds, 1)} ${t("seconds")}`].join(" · ");
    });
  }

  // Leaves what was handed over; nothing otherwise.
  failed() { if (this.list.children.length === 0) this.element.remove(); }
}
