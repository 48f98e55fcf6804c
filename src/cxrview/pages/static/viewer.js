// One radiograph on the page: loaded beforehand; inversion, contrast, zoom.

import { $, say } from "/static/page.js";
import { get } from "/static/server.js";

const CONTRASTS = [1, 1.5, 2.25];
const pictures = new Map(); // id -> image element, loaded before it is shown
const look = { isInverted: false, contrast: 0, zoom: 1 };
let shown = null; // id of the image on the page
const shownPicture = () => $("viewer").querySelector("img");

function picture(image) {
  if (!pictures.has(image)) {
    const element = new Image();
    element.src = `/image/${image}/screen`;
    element.alt = "Radiograph";
    element.draggable = false;
    element.decode().catch(() => {}); // so that it is decoded by the time it is shown
    pictures.set(image, element);
  }
  return pictures.get(image);
}

// Loads the images that come next; of all loaded before, only those in `seen` stay.
export function prefetch(upcoming, seen) {
  const needed = new Set([...upcoming, ...seen]);
  for (const image of pictures.keys()) if (!needed.has(image)) pictures.delete(image);
  upcoming.forEach(picture);
}

export function forget(image) {
  pictures.delete(image);
}

export function clear() {
  shown = null;
  delete $("viewer").dataset.image; // is there while an image can be labelled
  resetZoom();
}

export function showContent(...content) {
  $("viewer").replaceChildren(...content);
}

export function textElement(text) {
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  return paragraph;
}

// Shows an image once it is decoded, unless `isWanted()` is false by then. Returns whether it is
// shown; fails where the image cannot be loaded.
export async function show(image, isWanted) {
  const element = picture(image);
  if (!element.complete) showContent(textElement("Loading ..."));
  await element.decode();
  if (!isWanted()) return false;
  showContent(element);
  shown = image;
  $("viewer").dataset.image = image;
  applyLook();
  describe(image);
  return true;
}

// Shows the file and the header fields of an image, where the page has a place for them.
async function describe(image) {
  if (!$("about")) return;
  const { file, size, header } = await get(`/api/image/${image}`);
  const fields = Object.entries(header ?? {}).map(([name, value]) => `${name} ${value}`);
  if (shown === image) $("about").textContent = [file, size?.join(" x "), ...fields].join(", ");
}

function applyLook() {
  $("invert-button").setAttribute("aria-pressed", look.isInverted);
  const element = shownPicture();
  if (element) element.style.filter = `invert(${Number(look.isInverted)}) contrast(${CONTRASTS[look.contrast]})`;
}

function zoomBy(factor) {
  const element = shownPicture();
  if (!element) return;
  if (look.zoom === 1) look.width = Math.min(element.clientWidth, element.clientHeight * element.naturalWidth / element.naturalHeight);
  look.zoom = Math.min(8, Math.max(1, look.zoom * factor));
  $("viewer").classList.toggle("zoomed", look.zoom > 1);
  element.style.width = look.zoom > 1 ? `${look.width * look.zoom}px` : "";
  if (look.zoom > 1 && !element.src.endsWith("/full")) element.src = `/image/${shown}/full`;
}

function resetZoom() {
  const element = shownPicture();
  if (element) element.style.width = "";
  look.zoom = 1;
  $("viewer").classList.remove("zoomed");
}

export const LOOK_KEYS = {
  i: () => { look.isInverted = !look.isInverted; applyLook(); },
  c: () => { look.contrast = (look.contrast + 1) % CONTRASTS.length; applyLook(); say(`Contrast ${CONTRASTS[look.contrast]}.`); },
  "+": () => zoomBy(1.5),
  "=": () => zoomBy(1.5),
  "-": () => zoomBy(1 / 1.5),
  0: () => { look.isInverted = false; look.contrast = 0; resetZoom(); applyLook(); },
};

$("viewer").addEventListener("pointermove", (event) => {
  if (event.buttons === 1 && look.zoom > 1) $("viewer").scrollBy(-event.movementX, -event.movementY);
});
