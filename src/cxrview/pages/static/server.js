// Requests to our own server. Nothing is sent anywhere else.

// Not crypto.randomUUID: browsers offer it only to https and to pages of this machine.
const randomName = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// The name of this tab: images are reserved for it. It survives a reload of the page.
export const tab = (sessionStorage.tab ??= randomName());

export class Refused extends Error {}

const RETRY_MILLISECONDS = 1000;
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function answerOf(response) {
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  const content = isJson ? await response.json() : { error: await response.text() };
  if (!response.ok) throw new Refused(content.error);
  return content;
}

export async function get(path) {
  return answerOf(await fetch(path));
}

// Sends until the server answers. A request that is repeated has the same `batch`, so that it is
// stored once, even if the server was killed between storing it and answering.
export async function post(path, fields, onWait) {
  const body = JSON.stringify({ tab, batch: randomName(), ...fields });
  for (;;) {
    try {
      const headers = { "content-type": "application/json" };
      return await answerOf(await fetch(path, { method: "POST", body, headers }));
    } catch (error) {
      if (error instanceof Refused) throw error;
      onWait?.();
      await wait(RETRY_MILLISECONDS);
    }
  }
}
