"use strict";

const assert = require("node:assert/strict");
const { afterEach, test } = require("node:test");
const { loadCanvas } = require("./load.js");

const { Server } = loadCanvas("server");
const TEXTS = { unreachable: "No connection.", loggedOut: "Log in again.", failed: "An error." };

const realFetch = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = realFetch;
});

/* A server that answers every request with `reply`, and notes what it was asked. */
function serverWith(reply) {
  const asked = [];
  globalThis.fetch = async (url, options) => {
    asked.push({ url, ...options });
    return reply instanceof Function ? reply() : reply;
  };
  return { asked, server: new Server({ urls: { save: "/save/", counts: "/counts/" }, token: "t0ken", texts: TEXTS }) };
}

test("a body is posted as JSON, with the token of the page", async () => {
  const { asked, server } = serverWith(Response.json({ saved: "just now" }));
  const answer = await server.ask("save", { graph: { steps: [] } });
  assert.deepEqual(answer, { ok: true, status: 200, saved: "just now" });
  assert.equal(asked[0].method, "POST");
  assert.equal(asked[0].headers["X-CSRFToken"], "t0ken");
  assert.deepEqual(JSON.parse(asked[0].body), { graph: { steps: [] } });
});

test("without a body it only looks", async () => {
  const { asked, server } = serverWith(Response.json({}));
  await server.ask("counts");
  assert.equal(asked[0].method, undefined);
  assert.equal(asked[0].headers["X-CSRFToken"], undefined);
});

test("a refusal comes with its words", async () => {
  const { server } = serverWith(Response.json({ text: "Somebody else saved." }, { status: 409 }));
  assert.deepEqual(await server.ask("save", {}), { ok: false, status: 409, text: "Somebody else saved." });
});

test("a page in place of JSON is said, not shown", async () => {
  const html = (init) => new Response("<html>", { headers: { "Content-Type": "text/html" }, ...init });
  const forbidden = serverWith(html({ status: 403 }));
  assert.equal((await forbidden.server.ask("save", {})).text, TEXTS.loggedOut);
  const login = serverWith(Object.defineProperty(html(), "redirected", { value: true }));
  assert.deepEqual(await login.server.ask("save", {}), { ok: false, status: 200, text: TEXTS.loggedOut });
  const broken = serverWith(html({ status: 500 }));
  assert.equal((await broken.server.ask("save", {})).text, TEXTS.failed);
});

test("no connection is said", async () => {
  const { server } = serverWith(() => {
    throw new TypeError("fetch failed");
  });
  assert.deepEqual(await server.ask("save", {}), { ok: false, status: 0, text: TEXTS.unreachable });
});

test("a question that was taken back says so, and nothing else", async () => {
  const { server } = serverWith(() => {
    throw new DOMException("aborted", "AbortError");
  });
  assert.deepEqual(await server.ask("save", {}), { ok: false, aborted: true });
});
