// What the pages have in common: classes, cells, messages, requests that change something, dialogs.

import { Refused, post } from "/static/server.js";

export const $ = (id) => document.getElementById(id);
export const CLASSES = { f: "frontal", l: "lateral", n: "not_chest", u: "unsure" }; // by key
export const NAMES = {
  frontal: "frontal", lateral: "lateral", not_chest: "not a chest radiograph", uncertain: "uncertain",
  unsure: "unsure", "": "no verdict",
};
export const shortName = (label) => NAMES[label].replace(" a chest radiograph", " a chest");
export const count = (number) => number.toLocaleString("en");
export const cells = () => [...$("cells").children];
export let isBusy = false; // a request that changes something is under way

export function say(text) {
  $("status").textContent = text;
}

// Rows of cells have as many as have the same top edge.
export function columns() {
  const all = cells();
  return all.filter((button) => button.offsetTop === all[0].offsetTop).length;
}

export function thumbnail(image) {
  const element = document.createElement("img");
  element.src = `/image/${image}/thumbnail`;
  element.alt = "";
  return element;
}

export function warn(text) {
  $("alert").textContent = text;
  $("alert").hidden = !text;
}

export function warnOf(error) {
  warn(error instanceof Refused ? error.message : "The server does not answer. Start it again and open the address that it prints.");
}

// Returns the answer, or null where the server refuses; then the page says why.
export async function send(path, fields) {
  isBusy = true;
  try {
    const answer = await post(path, fields, () => warn("The server does not answer. Trying again ..."));
    warn("");
    return answer;
  } catch (error) {
    say("Not saved.");
    warn(error instanceof Refused ? error.message : String(error));
    return null;
  } finally {
    isBusy = false;
  }
}

// Whether a key is meant for something else: the browser, a form, a dialog.
export function isForeignKey(event) {
  return event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select") || document.querySelector("dialog[open]");
}

export const keyOf = (event) => (event.key.length === 1 ? event.key.toLowerCase() : event.key);

async function invite(event) {
  event.preventDefault();
  const answer = await send("/api/invite", { name: new FormData($("invite-form")).get("name") });
  $("invite-url").textContent = answer ? `Open this address in the other browser. It works once: ${answer.url}` : $("alert").textContent;
}

$("help-button").addEventListener("click", () => $("help").showModal());
$("invite-button").addEventListener("click", () => { $("invite-url").textContent = ""; $("invite").showModal(); });
$("invite-close").addEventListener("click", () => $("invite").close());
$("invite-form").addEventListener("submit", invite);
