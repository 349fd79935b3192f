"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { loadCanvas, repeatable, pick } = require("./load.js");

const { MapGraph, arrange, portsOf } = loadCanvas("graph", "layout");

const SIZE = { width: 248, height: 92 };
const GAP = { width: 48, height: 58 };

/* {1: "entry", 2: ["a", "b"]} are steps, the second a split with these branches; "2 a 3" is a link. */
function draw(kinds, links = []) {
  const steps = Object.entries(kinds).map(([number, kind]) => {
    const settings = Array.isArray(kind) ? { kind: "split", by: "engine", branches: kind } : { kind };
    return { id: `s${number}`, x: 0, y: 0, ...settings };
  });
  const parts = links.map((text) => text.split(" "));
  return new MapGraph({ steps, links: parts.map(([from, port, to]) => ({ from: `s${from}`, port, to: `s${to}` })) });
}

function arranged(graph) {
  const places = arrange(graph, SIZE, GAP);
  return (number) => places.get(`s${number}`);
}

function assertNoOverlap(places) {
  const list = [...places];
  for (const [i, [id, one]] of list.entries()) {
    for (const [otherId, other] of list.slice(i + 1)) {
      const isApart = Math.abs(one.x - other.x) >= SIZE.width || Math.abs(one.y - other.y) >= SIZE.height;
      assert.ok(isApart, `${id} lies over ${otherId}`);
    }
  }
}

test("a chain goes straight down from the corner", () => {
  const at = arranged(draw({ 1: "entry", 2: "wait", 3: "send" }, ["1 next 2", "2 next 3"]));
  assert.deepEqual(
    [at(1), at(2), at(3)],
    [
      { x: 40, y: 40 },
      { x: 40, y: 190 },
      { x: 40, y: 340 },
    ],
  );
});

test("branches lie side by side in the order of their ports, their split in the middle above", () => {
  const links = ["1 next 2", "2 a 5", "2 b 4", "2 c 3"];
  const at = arranged(draw({ 1: "entry", 2: ["a", "b", "c"], 3: "send", 4: "send", 5: "send" }, links));
  assert.ok(at(5).x < at(4).x && at(4).x < at(3).x);
  assert.equal(at(2).x, at(4).x);
  assert.equal(at(1).x, at(2).x);
});

test("a step that several lead to lies below all of them", () => {
  const links = ["1 next 2", "2 a 3", "2 b 4", "3 next 4"];
  const at = arranged(draw({ 1: "entry", 2: ["a", "b"], 3: "wait", 4: "send" }, links));
  assert.ok(at(4).y > at(3).y && at(3).y > at(2).y);
});

test("a step that two branches lead to hangs below one; the other is above what is its own", () => {
  const links = ["1 next 2", "2 a 3", "2 b 4", "3 x 5", "3 y 6", "4 next 5"];
  const kinds = { 1: "entry", 2: ["a", "b"], 3: ["x", "y"], 4: "wait", 5: "send", 6: "send" };
  const at = arranged(draw(kinds, links));
  assert.equal(at(5).x, at(4).x);
  assert.equal(at(6).x, at(3).x);
  assert.ok(at(3).x < at(4).x);
});

test("an arrow back up does not pull its target down", () => {
  const at = arranged(draw({ 1: "entry", 2: "wait", 3: ["a", "b"] }, ["1 next 2", "2 next 3", "3 a 2"]));
  assert.deepEqual(
    [1, 2, 3].map((number) => at(number).y),
    [40, 190, 340],
  );
});

test("steps that nothing leads to have a place of their own", () => {
  const graph = draw({ 1: "entry", 2: "send", 3: "send" }, ["1 next 2"]);
  const places = arrange(graph, SIZE, GAP);
  assert.equal(places.size, 3);
  assertNoOverlap(places);
});

test("no steps have no places", () => assert.equal(arrange(draw({}), SIZE, GAP).size, 0));

test("no map has steps that lie over each other, and only arrows of a loop go up", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = repeatable(seed);
    const graph = draw({ 1: "entry", 2: ["a", "b", "c"] }, ["1 next 2"]);
    const add = (kind, settings) => graph.add(kind, settings, { after: pick(random, graph.steps).id });
    for (let n = 0; n < 18; n++) {
      const [kind, settings] = pick(random, [
        ["wait", { for: "event" }],
        ["split", { by: "rule" }],
        ["send", {}],
        ["exit", {}],
      ]);
      add(kind, settings);
    }
    // Some ways join again, only to steps that were made later: no loops.
    const number = (id) => Number(id.slice(1));
    for (const { id, ...step } of graph.steps.slice(2)) {
      const later = graph.steps.filter((other) => number(other.id) > number(id));
      const port = pick(random, portsOf(step));
      if (port && later.length && random() < 0.3) graph.connect(id, port, pick(random, later).id);
    }
    const places = arrange(graph, SIZE, GAP);
    assert.equal(places.size, graph.steps.length);
    assertNoOverlap(places);
    for (const { from, to } of graph.links)
      if (!leadsTo(graph, to, from)) assert.ok(places.get(to).y > places.get(from).y);
  }
});

/* Whether one comes from a step to another along the arrows. */
function leadsTo(graph, from, to) {
  const seen = new Set();
  const open = [from];
  while (open.length) {
    const id = open.pop();
    if (id === to) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...graph.links.filter((link) => link.from === id).map((link) => link.to));
  }
  return false;
}
