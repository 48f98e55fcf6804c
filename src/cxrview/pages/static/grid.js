// The grid: many thumbnails with the model's suggestions; the wrong ones are marked, the rest confirmed.

import { decide, send, update } from "/static/label.js";
import { $, NAMES, cells, columns, say, shortName, thumbnail } from "/static/page.js";
import { get, tab } from "/static/server.js";

const POLL_MILLISECONDS = 500;
const CONFIRMED = ["frontal", "lateral", "not_chest"]; // suggestions that can be confirmed
let openedAt = 0;
let polls = 0; // number of the grid that is polled for suggestions

export function openGrid(state) {
  openedAt = performance.now();
  $("cells").replaceChildren(...state.upcoming.map(cell));
  if (!state.upcoming.length) $("cells").textContent = "No image is left to label.";
  draw(state.suggestions);
  cells()[0]?.focus();
  poll(++polls);
}

export function closeGrid() {
  polls++;
  $("cells").replaceChildren();
}

function cell(image) {
  const button = document.createElement("button");
  button.dataset.image = image;
  button.setAttribute("aria-pressed", "false");
  button.append(thumbnail(image), document.createElement("span"));
  button.firstChild.addEventListener("error", () => button.remove()); // cannot be read: out of the queue
  button.addEventListener("click", () => mark(button));
  return button;
}

function mark(button) {
  delete button.dataset.own;
  button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
  describe(button);
}

function describe(button) {
  const label = button.dataset.own ?? button.dataset.suggestion;
  const isWrong = button.getAttribute("aria-pressed") === "true";
  button.dataset.label = label ?? "";
  button.lastChild.textContent = isWrong ? "wrong" : label ? shortName(label) : "...";
  const suggested = label ? NAMES[label] : "no suggestion yet";
  button.setAttribute("aria-label", `Image ${button.dataset.image}: ${suggested}${isWrong ? ", marked as wrong" : ""}`);
}

function draw(suggestions = {}) {
  for (const button of cells()) {
    const known = suggestions[button.dataset.image];
    if (known) button.dataset.suggestion = known[0];
    describe(button);
  }
  const missing = cells().filter((button) => !button.dataset.suggestion).length;
  $("confirm-button").disabled = missing === cells().length && missing > 0;
  if (missing) say(`Computing ${missing} suggestions ...`);
  else if (cells().length) say("Mark the wrong ones.");
  return missing;
}

async function poll(number) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
    if (number !== polls || !cells().some((button) => !button.dataset.suggestion)) return;
    const fields = new URLSearchParams({ tab, view: "grid", suggest: "1" });
    const state = await get(`/api/state?${fields}`).catch(() => null);
    if (number !== polls) return;
    if (state) draw(state.suggestions);
  }
}

async function confirm() {
  if ($("confirm-button").disabled) return;
  const labels = [];
  const left = [];
  for (const button of cells()) {
    const image = Number(button.dataset.image);
    const label = button.dataset.own ?? button.dataset.suggestion;
    const isWrong = button.getAttribute("aria-pressed") === "true";
    if (!isWrong && (button.dataset.own || CONFIRMED.includes(label))) labels.push([image, label]);
    else left.push(image);
  }
  if (labels.length) {
    const seconds = (performance.now() - openedAt) / 1000;
    const state = await send("/api/label", { labels, seconds, visible: true });
    if (!state) return;
    update(state);
    say(`Saved: ${labels.length} labels.`);
    if (!left.length) return openGrid(state);
  }
  decide(left);
}

function move(step) {
  const all = cells();
  const next = all.indexOf(document.activeElement) + step;
  all[Math.min(all.length - 1, Math.max(0, next))]?.focus();
}

// The action of a key, or undefined.
export function gridKey(key, label) {
  const button = document.activeElement.closest("#cells button");
  if (label && button) {
    return () => {
      button.dataset.own = label;
      button.setAttribute("aria-pressed", "false");
      describe(button);
      move(1);
    };
  }
  return {
    Enter: document.activeElement.closest("nav") ? undefined : confirm,
    ArrowLeft: () => move(-1),
    ArrowRight: () => move(1),
    ArrowUp: () => move(-columns()),
    ArrowDown: () => move(columns()),
  }[key];
}

$("confirm-button")?.addEventListener("click", confirm);
