// The picture to go on from: cut to the model's size, with the borders that are kept.
const sides = ["up", "down", "left", "right"];
const byId = (id) => document.getElementById(id);
const canvas = byId("canvas");
const source = document.createElement("canvas");
let loaded = false;

export function setSize(grid, size) {
  for (const one of [canvas, source]) { one.width = size; one.height = size; }
  for (const side of sides) byId(side).max = grid;
  draw();
}

// Cuts the middle square of a picture file or blob. Throws if it is not a picture.
export async function load(blob) {
  const bitmap = await createImageBitmap(blob);
  const side = Math.min(bitmap.width, bitmap.height);
  const context = source.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, source.width, source.height);
  context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, source.width, source.height);
  loaded = true;
  byId("borders").disabled = byId("remove").disabled = false;
  byId("prompt-picture").open = true;
  draw();
}

export function clear() {
  loaded = false;
  byId("borders").disabled = byId("remove").disabled = true;
  byId("file").value = "";
  draw();
}

// The request's image_prompt, or null without a picture.
export function value() {
  if (!loaded) return null;
  const prompt = { image: source.toDataURL("image/png").split(",")[1], crop_first: byId("crop_first").checked };
  for (const side of sides) prompt[side] = Number(byId(side).value);
  return prompt;
}
export const keepsSomething = () => sides.some((side) => Number(byId(side).value) > 0);

function draw() {
  const context = canvas.getContext("2d");
  const size = canvas.width;
  context.clearRect(0, 0, size, size);
  if (!loaded) return;
  context.globalAlpha = 0.25;
  context.drawImage(source, 0, 0);
  context.globalAlpha = 1;
  const kept = (side) => Math.min(size, Math.max(0, Number(byId(side).value) * 8));
  const strips = [[0, 0, size, kept("up")], [0, size - kept("down"), size, kept("down")],
                  [0, 0, kept("left"), size], [size - kept("right"), 0, kept("right"), size]];
  for (const [x, y, width, height] of strips)
    if (width > 0 && height > 0) context.drawImage(source, x, y, width, height, x, y, width, height);
}

export function watch(onError) {
  const take = (file) => file && load(file).catch(onError);
  byId("file").addEventListener("change", (event) => take(event.target.files[0]));
  byId("remove").addEventListener("click", clear);
  for (const side of sides) byId(side).addEventListener("input", draw);
  const zone = document.querySelector(".picture");
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("drop"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("drop"));
  zone.addEventListener("drop", (event) => { event.preventDefault(); zone.classList.remove("drop"); take(event.dataTransfer.files[0]); });
}
