// Contact sheets of a table of verdicts, and one image large; keys correct the image in focus.

import { $, CLASSES, NAMES, cells, columns, count, isForeignKey, keyOf, say, send, shortName, thumbnail, warn, warnOf } from "/static/page.js";
import { get, tab } from "/static/server.js";
import { LOOK_KEYS, clear, prefetch, show as showPicture, showContent, textElement } from "/static/viewer.js";

const FIELDS = ["show", "checked", "source", "sort"];
const AHEAD = 4; // images loaded before they are shown large
const filters = $("filters").elements;

let page = { rows: [], start: 0, total: 0, sheet: 0, last: 0 };
let at = 0; // index of the current image on the page
let since = performance.now(); // it is current
let loads = 0;
let changes = Promise.resolve(); // corrections are sent one after the other

const isLarge = () => !$("single").hidden;
const current = () => page.rows[at];

// The list of rows stays as it is while a person goes through it; `fresh` makes it anew.
async function load(sheet, { fresh = false, last = false } = {}) {
  const number = ++loads;
  const fields = new URLSearchParams({ tab, sheet, ...(fresh && { fresh: "1" }) });
  for (const name of FIELDS) if (filters[name]?.value) fields.set(name, filters[name].value);
  try {
    const answer = await get(`/api/rows?${fields}`);
    if (number !== loads) return;
    page = answer;
    warn("");
  } catch (error) {
    return warnOf(error);
  }
  fields.delete("tab");
  fields.delete("fresh");
  fields.set("sheet", page.sheet);
  history.replaceState(null, "", `/?${fields}`);
  at = last ? Math.max(0, page.rows.length - 1) : 0;
  draw();
}

function draw() {
  $("cells").replaceChildren(...page.rows.map(cell));
  if (!page.rows.length) $("cells").append(textElement("No image is left in this list."));
  const end = page.start + page.rows.length;
  $("sheet-number").textContent = page.total ? `${count(page.start + 1)} to ${count(end)} of ${count(page.total)}` : "";
  for (const button of document.querySelectorAll("[data-step]")) {
    const next = page.sheet + Number(button.dataset.step);
    button.disabled = next < 0 || next > page.last;
  }
  drawCounts(page);
  go(at);
}

function drawCounts({ checked, corrected }) {
  $("progress").textContent = `${count(page.total)} in this list; ${count(checked)} checked, ${count(corrected)} corrected`;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function cell(row, index) {
  const button = document.createElement("button");
  button.dataset.image = row.image;
  button.dataset.label = row.view || "error";
  button.tabIndex = -1;
  if (row.view) {
    const picture = button.appendChild(thumbnail(row.image));
    picture.addEventListener("load", () => { button.dataset.shown = ""; });
    picture.addEventListener("error", () => picture.replaceWith(element("span", "missing", "cannot be shown")));
  } else {
    button.append(element("span", "missing", row.problem.split(":")[0]));
  }
  button.append(element("span", "verdict", ""), element("span", "hint", ""), element("span", "badge", ""));
  if (row.file) button.append(element("span", "file", row.file.split("/").slice(-2).join("/")));
  button.addEventListener("click", () => { go(index); toggle(true); });
  button.addEventListener("focus", () => at === index || go(index));
  fill(button, row);
  return button;
}

function probability(row) {
  if (row.view === "not_chest") return row.p_chest === null ? "" : `P(chest) ${row.p_chest.toFixed(3)}`;
  return row.p_lateral === null ? "" : `P(lateral) ${row.p_lateral.toFixed(3)}`;
}

function hints(row) {
  const problem = row.view && row.problem ? row.problem.split(":")[0] : "";
  const chest = row.view !== "not_chest" && row.p_chest !== null ? `P(chest) ${row.p_chest.toFixed(3)}` : "";
  return [row.header && `header: ${row.header}`, ...row.marks, chest, problem, row.exclusion].filter(Boolean).join(", ");
}

function badge(row) {
  if (!row.label) return "";
  return `${row.label === row.view ? "\u2713" : "\u2192"} ${shortName(row.label)}`;
}

function fill(button, row) {
  const verdict = button.querySelector(".verdict");
  verdict.textContent = shortName(row.view);
  verdict.append(element("span", "number", probability(row).replace(/.* /, "")));
  button.querySelector(".hint").textContent = hints(row);
  const mark = button.querySelector(".badge");
  mark.textContent = badge(row);
  mark.dataset.kind = !row.label ? "" : row.label === row.view ? "confirmed" : "corrected";
  button.setAttribute("aria-label", describe(row));
}

function describe(row) {
  const parts = [`Row ${count(row.image)}: ${NAMES[row.view]}`, probability(row), hints(row)];
  if (row.label) parts.push(`${row.label === row.view ? "confirmed" : `corrected to ${NAMES[row.label]}`} by ${row.labeler}`);
  return parts.filter(Boolean).join(", ");
}

// Makes an image of the page the current one.
function go(index) {
  at = Math.min(page.rows.length - 1, Math.max(0, index));
  since = performance.now();
  cells().forEach((button, number) => { button.tabIndex = number === at ? 0 : -1; });
  markClasses();
  if (isLarge()) return showLarge();
  if (!document.activeElement.closest("#filters, dialog")) cells()[at]?.focus();
}

function markClasses() {
  for (const button of $("classes").children) {
    const isLabel = current()?.label === (button.dataset.label === "unsure" ? "uncertain" : button.dataset.label);
    button.setAttribute("aria-pressed", Boolean(isLabel));
  }
}

async function showLarge() {
  const row = current();
  clear();
  if (!row) return toggle(false);
  const near = row.why === "near_threshold" ? ", near a threshold" : "";
  const problem = row.problem ? ` (${row.problem})` : "";
  $("note").textContent = `${count(page.start + at + 1)} of ${count(page.total)}. ${describe(row)}${near}${problem}`;
  if (!row.view) {
    $("viewer").dataset.image = "none";
    return showContent(textElement(row.problem));
  }
  const next = page.rows.slice(at + 1, at + 1 + AHEAD).filter((one) => one.view).map((one) => one.image);
  prefetch([row.image, ...next], page.rows.slice(Math.max(0, at - 2), at).map((one) => one.image));
  try {
    await showPicture(row.image, () => isLarge() && current() === row);
  } catch {
    if (current() !== row) return;
    const { error } = await get(`/api/image/${row.image}`).catch(() => ({ error: "The server does not answer." }));
    showContent(textElement(error || "The image did not arrive. Reload the page."));
  }
}

function toggle(isWanted) {
  $("single").hidden = !isWanted;
  $("sheet").hidden = isWanted;
  $("filters").hidden = isWanted;
  if (!isWanted) clear();
  else $("viewer").focus();
  go(at);
}

// Goes to the next image, at the end of a page to the next page.
async function move(step) {
  const next = at + step;
  if (next >= 0 && next < page.rows.length) return go(next);
  if (Math.abs(step) > 1) return; // an arrow up or down
  const sheet = page.sheet + step;
  if (sheet >= 0 && sheet <= page.last) return load(sheet, { last: step < 0 });
  say(step > 0 ? "This is the last image of the list." : "This is the first image of the list.");
}

function label(name) {
  const row = current();
  if (!row) return;
  if (!row.view) return say("There is no image: it could not be read.");
  const isShown = isLarge() ? $("viewer").dataset.image === String(row.image) : "shown" in cells()[at].dataset;
  if (!isShown) return say("The image has not appeared yet.");
  const fields = { labels: [[row.image, name]], seconds: (performance.now() - since) / 1000, visible: true };
  changes = changes.then(async () => {
    const answer = await send("/api/label", fields);
    if (answer) apply(answer, `Saved: ${NAMES[name]}.`);
  });
  move(1);
}

function undo() {
  changes = changes.then(async () => {
    const answer = await send("/api/undo", {});
    if (!answer) return;
    apply(answer, answer.rows.length ? "Undone." : "There is nothing to undo.");
    if (!answer.rows.length) return;
    const index = page.rows.findIndex((row) => row.image === answer.rows[0].image);
    if (index < 0) say("Undone, for an image that is not on this page.");
    else go(index);
  });
}

// Shows what the server has stored.
function apply(answer, message) {
  for (const row of answer.rows) {
    const index = page.rows.findIndex((one) => one.image === row.image);
    if (index < 0) continue;
    Object.assign(page.rows[index], row);
    fill(cells()[index], row);
    if (index === at) markClasses();
  }
  drawCounts(answer);
  say(message);
}

async function write() {
  $("export").open = false;
  say("Writing ...");
  const answer = await send("/api/write", {});
  if (answer) say(answer.files.length ? `Written: ${answer.files.join(", ")}.` : "Nothing was checked yet.");
}

const SHEET_KEYS = {
  ArrowUp: () => move(-columns()),
  ArrowDown: () => move(columns()),
  PageUp: () => page.sheet > 0 && load(page.sheet - 1),
  PageDown: () => page.sheet < page.last && load(page.sheet + 1),
};
const LARGE_KEYS = { ...LOOK_KEYS, Escape: () => toggle(false) };
const KEYS = { ArrowLeft: () => move(-1), ArrowRight: () => move(1), z: undo, "?": () => $("help").showModal() };

function onKey(event) {
  if (event.key === "Escape" && event.target.matches("select")) return cells()[at]?.focus();
  if (isForeignKey(event)) return;
  const key = keyOf(event);
  const action = CLASSES[key] ? () => label(CLASSES[key]) : { ...KEYS, ...(isLarge() ? LARGE_KEYS : SHEET_KEYS) }[key];
  if (!action || (event.repeat && !key.startsWith("Arrow"))) return;
  event.preventDefault();
  action();
}

document.addEventListener("keydown", onKey);
$("filters").addEventListener("change", () => load(0, { fresh: true }));
$("filters").addEventListener("submit", (event) => event.preventDefault());
$("undo-button").addEventListener("click", undo);
$("write-button").addEventListener("click", write);
for (const button of $("classes").children) button.addEventListener("click", () => label(button.dataset.label));
for (const button of document.querySelectorAll("[data-step]")) button.addEventListener("click", () => load(page.sheet + Number(button.dataset.step)));
for (const button of document.querySelectorAll("[data-key]")) button.addEventListener("click", () => ({ ...KEYS, ...LARGE_KEYS })[button.dataset.key]());

const wanted = new URLSearchParams(location.search);
for (const name of FIELDS) {
  const isKnown = [...(filters[name]?.options ?? [])].some((option) => option.value === wanted.get(name));
  if (isKnown) filters[name].value = wanted.get(name);
}
await load(Number(wanted.get("sheet")) || 0);
