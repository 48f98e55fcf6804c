// What the pages have in common: messages, requests that change something, dialogs.

import { Refused, post } from "/static/server.js";

const $ = (id) => document.getElementById(id);
export let isBusy = false; // a request that changes something is under way

export function say(text) {
  $("status").textContent = text;
}

export function warn(text) {
  $("alert").textContent = text;
  $("alert").hidden = !text;
}

// Returns the answer, or null where the server refuses; then the page says why.
export async function send(path, fields) {
  isBusy = true;
  try {
    const answer = await post(path, fields, () => warn("The server does not answer. Trying again ..."));
    warn("");
    return answer;
  } catch (error) {
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

async function invite(event) {
  event.preventDefault();
  const answer = await send("/api/invite", { name: new FormData($("invite-form")).get("name") });
  $("invite-url").textContent = answer ? `Open this address in the other browser. It works once: ${answer.url}` : $("alert").textContent;
}

$("help-button").addEventListener("click", () => $("help").showModal());
$("invite-button").addEventListener("click", () => { $("invite-url").textContent = ""; $("invite").showModal(); });
$("invite-close").addEventListener("click", () => $("invite").close());
$("invite-form").addEventListener("submit", invite);
