// The page's texts. The HTML holds the Russian ones, which are taken from there.
const english = {
  skip: "To the pictures", tagline: "Pictures from Russian prompts", theme: "Dark or light theme",
  prompt: "Prompt (in Russian)", placeholder: "красное сердце на синем фоне", examples: "For example:",
  images: "Draw", pick: "Keep the best", super: "Enlarge", more: "More options", temperature: "Temperature",
  seed: "Seed", random: "random", format: "Format", quality: "JPEG quality", picture: "Go on from a picture",
  pictureHint: "Borders of the picture are kept, the rest is drawn.", canvas: "The picture and its kept borders",
  choose: "Choose a file", remove: "Remove", keep: "Keep, in rows of 8 pixels", up: "Top", down: "Bottom", left: "Left",
  right: "Right", crop: "Encode every border on its own", token: "Access token", draw: "Draw", cancel: "Cancel",
  results: "Pictures", connecting: "Connecting to the server…", empty: "Pictures will appear here.",
  viewer: "The whole picture", close: "Close", metrics: "Metrics",
};
const dynamic = {
  ru: {
    loading: "Модель загружается…", offline: "Сервер не отвечает. Пробую снова…", needToken: "Серверу нужен токен доступа.",
    waiting: "В очереди", drawing: "Рисую", decoding: "Собираю картинки", ranking: "Выбираю лучшие", enlarging: "Увеличиваю",
    sending: "Отправляю", cancelled: "Отменено.", lost: "Связь с сервером прервалась.", done: "Готово: картинок",
    score: "ruCLIP", ppl: "ppl", seed: "Зерно", number: "Номер", download: "Скачать", goOn: "Продолжить",
    again: "Взять параметры", kept: "из", seconds: "с", size: "Размер", notPicture: "Этот файл не картинка.",
    needPrompt: "Опишите картинку.", needBorder: "Оставьте хотя бы один ряд картинки.", pickTooMany: "Оставить можно не больше, чем нарисовано.",
    range: (name, low, high) => `${name}: число от ${low} до ${high}`,
    whole: (name, low, high) => `${name}: целое число от ${low} до ${high}`,
    full: "Сервер занят: очередь полна.", retry: (s) => `Попробуйте через ${s} с.`, timeout: "Не успел за отведённое время.",
    switch: "Switch to English",
  },
  en: {
    loading: "The model is loading…", offline: "The server does not answer. Trying again…", needToken: "The server wants an access token.",
    waiting: "In the queue", drawing: "Drawing", decoding: "Decoding", ranking: "Ranking", enlarging: "Enlarging",
    sending: "Sending", cancelled: "Cancelled.", lost: "The connection to the server was lost.", done: "Done, pictures:",
    score: "ruCLIP", ppl: "ppl", seed: "Seed", number: "Number", download: "Download", goOn: "Go on",
    again: "Use these options", kept: "of", seconds: "s", size: "Size", notPicture: "This file is not a picture.",
    needPrompt: "Describe the picture.", needBorder: "Keep at least one row of the picture.", pickTooMany: "No more can be kept than are drawn.",
    range: (name, low, high) => `${name}: a number from ${low} to ${high}`,
    whole: (name, low, high) => `${name}: a whole number from ${low} to ${high}`,
    full: "The server is busy: its queue is full.", retry: (s) => `Try again in ${s} s.`, timeout: "It took longer than allowed.",
    switch: "Переключить на русский",
  },
};
const kinds = [
  ["data-i18n", (element) => element.textContent, (element, text) => { element.textContent = text; }],
  ["data-i18n-placeholder", (element) => element.placeholder, (element, text) => { element.placeholder = text; }],
  ["data-i18n-label", (element) => element.getAttribute("aria-label"), (element, text) => element.setAttribute("aria-label", text)],
];
const russian = {};
for (const [attribute, get] of kinds)
  for (const element of document.querySelectorAll(`[${attribute}]`)) russian[element.getAttribute(attribute)] = get(element);

let language = "ru";
// A text in the page's language.
export const t = (key, ...values) => {
  const text = dynamic[language][key] ?? (language === "ru" ? russian : english)[key] ?? key;
  return typeof text === "function" ? text(...values) : text;
};
export const currentLanguage = () => language;
export const formatNumber = (value, digits) =>
  value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function setLanguage(next) {
  language = next;
  document.documentElement.lang = next;
  for (const [attribute, , set] of kinds)
    for (const element of document.querySelectorAll(`[${attribute}]`)) set(element, t(element.getAttribute(attribute)));
}
