// The page that shows one radiograph; `grid.js` shows many.

import { openGrid, closeGrid, gridKey } from "/static/grid.js";
import { $, CLASSES, NAMES, count, isBusy, isForeignKey, keyOf, say, send as sendFields, thumbnail, warn, warnOf } from "/static/page.js";
import { get, tab } from "/static/server.js";
import { LOOK_KEYS, clear, forget, prefetch, show as showPicture, showContent } from "/static/viewer.js";

const POLL_MILLISECONDS = 1000;

let state = { upcoming: [], recent: [], counts: {}, suggestions: {} };
let current = null; // id of the image on the page
let isShown = false; // its pixels are on the page: only then keys label it
let shownAt = 0;
let past = -1; // index in state.recent while an earlier image is shown
let hasSuggestions = false;
let undecided = new Set(); // images that a grid has left open; their suggestion was seen

const inState = (fields) => ({ view: $("grid").hidden ? "single" : "grid", suggest: hasSuggestions || !$("grid").hidden, ...fields });

export const send = (path, fields) => sendFields(path, inState(fields));

async function refresh() {
  try {
    update(await get(`/api/state?${new URLSearchParams({ tab, view: "single", ...(hasSuggestions && { suggest: "1" }) })}`));
  } catch (error) {
    warnOf(error);
  }
}

function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function update(next) {
  state = { suggestions: {}, ...next };
  const labelled = Object.values(state.counts).reduce((sum, count) => sum + count, 0);
  const pace = state.seconds_per_image;
  const time = pace > 0 && state.remaining ? `, ${(60 / pace).toFixed(0)} images/min, about ${duration(pace * state.remaining)} left` : "";
  $("progress").textContent = `${count(labelled)} labelled, ${count(state.remaining)} left${time}`;
  for (const element of document.querySelectorAll("[data-count]")) element.textContent = state.counts[element.dataset.count] ?? 0;
  if ($("model")) drawModel(state.model);
  drawFilmstrip();
}

const percent = (share) => `${Number((100 * share).toPrecision(2))} %`;

// How good the model is that the server fits to the labels after every ten of them.
function drawModel(model) {
  $("model").hidden = !model;
  if (!model) return;
  const unread = model.read < model.images ? ` of the ${count(model.read)} that it has read` : "";
  const parts = [
    `Model after ${count(model.labels)} labels: sure of ${count(model.sure)} of the ${count(model.rest)} images without a label${unread}.`,
    model.checked
      ? `Of ${count(model.checked)} drawn at random it got ${count(model.errors)} wrong: an error rate of ${percent(model.errors / model.checked)} (95 % interval ${percent(model.low)} to ${percent(model.high)}).`
      : "None was drawn at random yet, so its error rate is not known.",
    model.is_settled && "More labels hardly help: the latest 30 were as the model expected and changed next to none of its verdicts. They only narrow the interval.",
    model.has_failed && "Its latest update failed. Your labels are safe.",
  ];
  $("model").textContent = parts.filter(Boolean).join(" ");
  $("model").classList.toggle("settled", model.is_settled);
}

function drawFilmstrip() {
  const known = new Map([...$("filmstrip").children].map((item) => [item.dataset.image, item]));
  $("filmstrip").replaceChildren(...state.recent.map(([image, label]) => {
    const item = known.get(String(image)) ?? thumbnailItem(image);
    const button = item.firstChild;
    button.dataset.label = label;
    button.setAttribute("aria-label", `Image ${image}, labelled ${NAMES[label]}`);
    button.lastChild.textContent = NAMES[label].slice(0, 9);
    return item;
  }));
}

function thumbnailItem(image) {
  const item = document.createElement("li");
  item.dataset.image = image;
  const button = item.appendChild(document.createElement("button"));
  button.append(thumbnail(image), document.createElement("span"));
  button.addEventListener("click", () => showPast(state.recent.findIndex(([id]) => id === image)));
  return item;
}

function clearViewer() {
  current = null;
  isShown = false;
  clear();
}

async function show(image) {
  clearViewer();
  current = image;
  if (image === undefined) {
    $("viewer").dataset.image = "none";
    showContent($("end").content.cloneNode(true));
    say("No image is left to label.");
    markLabel();
    return;
  }
  prefetch(state.upcoming, [...state.recent.slice(0, 3).map(([recent]) => recent), image]);
  try {
    if (!(await showPicture(image, () => current === image))) return;
  } catch {
    if (current === image) await pass(image);
    return;
  }
  markLabel();
  isShown = true;
  shownAt = performance.now();
}

// An image that cannot be shown: say why, and go on.
async function pass(image) {
  forget(image);
  try {
    const { error } = await get(`/api/image/${image}`);
    if (error) warn(`An image could not be read and was skipped: ${error}`);
    else return warn("The image did not arrive. Reload the page.");
  } catch (error) {
    return warnOf(error);
  }
  await refresh();
  show(state.upcoming[0]);
}

// Marks the label that an earlier image has, and shows the model's suggestion where it is wanted.
function markLabel() {
  const given = past >= 0 ? state.recent[past]?.[1] : null;
  for (const button of $("classes").children) button.setAttribute("aria-pressed", button.dataset.label === given);
  const [verdict, probability] = state.suggestions[current] ?? [];
  const left = undecided.has(current) ? `${undecided.size} of the grid to decide. ` : "";
  const suggestion = verdict ? `Suggestion: ${NAMES[verdict]}, P(lateral) ${probability.toFixed(2)}` : "Suggestion: not computed yet";
  $("note").textContent = left + (hasSuggestions && current !== undefined ? suggestion : "");
  $("note").hidden = !$("note").textContent;
}

async function label(name) {
  if (!isShown || isBusy) return;
  const image = current;
  const seconds = (performance.now() - shownAt) / 1000;
  const isVisible = (hasSuggestions && image in state.suggestions) || undecided.has(image);
  const answer = await send("/api/label", { labels: [[image, name]], seconds, visible: isVisible });
  if (!answer) return;
  update(answer);
  say(`Saved: ${NAMES[name]}.`);
  past = -1;
  if (undecided.delete(image) && !undecided.size) return toggleGrid();
  show(state.upcoming[0]);
}

function showPast(index) {
  if (index >= state.recent.length) return;
  past = Math.max(-1, index);
  show(past < 0 ? state.upcoming[0] : state.recent[past][0]);
}

async function goOn() {
  if (past >= 0) return showPast(past - 1);
  if (current === undefined || isBusy) return;
  const answer = await send("/api/skip", { image: current });
  if (!answer) return;
  update(answer);
  say("Comes again later.");
  show(state.upcoming[0]);
}

async function undo() {
  if (isBusy) return;
  const before = state.recent.length;
  const answer = await send("/api/undo", {});
  if (!answer) return;
  update(answer);
  past = -1;
  say(before ? "Undone. The image comes again." : "There is nothing to undo.");
  $("grid").hidden ? show(state.upcoming[0]) : openGrid(answer);
}

async function toggleGrid() {
  const isGrid = $("grid").hidden;
  $("grid").hidden = !isGrid;
  $("single").hidden = isGrid;
  $("grid-button").setAttribute("aria-pressed", isGrid);
  if (isGrid) {
    clearViewer(); // when the grid closes, no key labels what was here before it
    const answer = await send("/api/suggest", {});
    if (!answer) return;
    update(answer);
    return openGrid(answer);
  }
  closeGrid();
  await refresh();
  past = -1;
  show(state.upcoming[0]);
}

// The grid hands over the images that it has not labelled.
export function decide(images) {
  undecided = new Set(images);
  if (images.length) toggleGrid();
}

async function toggleSuggestions() {
  hasSuggestions = !hasSuggestions;
  $("suggest-button").setAttribute("aria-pressed", hasSuggestions);
  say(hasSuggestions ? "Suggestions are shown." : "Suggestions are hidden.");
  if (hasSuggestions) {
    const answer = await send("/api/suggest", {});
    if (answer) update(answer);
    pollSuggestion();
  }
  markLabel();
}

async function pollSuggestion() {
  while (hasSuggestions && $("grid").hidden) {
    if (current !== undefined && !(current in state.suggestions)) await refresh();
    markLabel();
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
}

const ACTIONS = {
  ArrowLeft: () => showPast(past + 1),
  ArrowRight: goOn,
  ...LOOK_KEYS,
  ...($("suggest-button") && { s: toggleSuggestions }),
};

function onKey(event) {
  if (isForeignKey(event)) return;
  const key = keyOf(event);
  const isGrid = !$("grid").hidden;
  const common = { z: undo, ...($("grid-button") && { g: toggleGrid }), "?": () => $("help").showModal() };
  const action = common[key] ?? (isGrid ? gridKey(key, CLASSES[key]) : CLASSES[key] ? () => label(CLASSES[key]) : ACTIONS[key]);
  if (!action || event.repeat) return;
  event.preventDefault();
  action();
}

document.addEventListener("keydown", onKey);
$("grid-button")?.addEventListener("click", toggleGrid);
$("suggest-button")?.addEventListener("click", toggleSuggestions);
$("undo-button").addEventListener("click", undo);
for (const button of $("classes").children) button.addEventListener("click", () => label(button.dataset.label));
for (const button of document.querySelectorAll("[data-key]")) button.addEventListener("click", () => ACTIONS[button.dataset.key]());
await refresh();
show(state.upcoming[0]);
