"use strict";

const assert = require("node:assert/strict");
const { describe, test } = require("node:test");
const { loadCanvas, repeatable, pick } = require("./load.js");

const { MapGraph, portsOf } = loadCanvas("graph");

const EXIT = { id: "s9", kind: "exit", x: 40, y: 490 };
const step = (number, kind, settings = {}) => ({ id: `s${number}`, kind, x: 40, y: 40 + 150 * number, ...settings });
const link = (from, port, to) => ({ from: `s${from}`, port, to: `s${to}` });

/* entry 1 -> wait 2 -> send 3 */
function chain() {
  return new MapGraph({
    steps: [step(1, "entry"), step(2, "wait", { for: "time" }), step(3, "send")],
    links: [link(1, "next", 2), link(2, "next", 3)],
  });
}

function ways(graph) {
  return graph.links.map(({ from, port, to }) => `${from} ${port} ${to}`).sort();
}

describe("ports", () => {
  const cases = [
    ["an entry has one way out", { kind: "entry" }, ["next"]],
    ["a wait for a time has one", { kind: "wait", for: "time" }, ["next"]],
    ["a wait for an event has two", { kind: "wait", for: "event" }, ["happened", "timed_out"]],
    ["a split by a rule has yes and no", { kind: "split", by: "rule" }, ["yes", "no"]],
    ["a random split has its branches", { kind: "split", by: "random", shares: { a: 0.5, b: 0.5 } }, ["a", "b"]],
    ["a random split may have none yet", { kind: "split", by: "random" }, []],
    ["a split by the engine has its branches", { kind: "split", by: "engine", branches: ["x", "y"] }, ["x", "y"]],
    ["an exit has none", { kind: "exit" }, []],
  ];
  for (const [name, given, wanted] of cases) test(name, () => assert.deepEqual(portsOf(given), wanted));
});

describe("adding a step", () => {
  test("the first step lies in the corner, without a link", () => {
    const graph = new MapGraph({});
    assert.equal(graph.add("entry", { on: "event" }), "s1");
    assert.deepEqual(graph.steps, [{ id: "s1", kind: "entry", x: 40, y: 40, on: "event" }]);
    assert.deepEqual(graph.links, []);
  });

  test("behind a step it takes the first free port", () => {
    const graph = new MapGraph({
      steps: [step(1, "entry"), step(2, "split", { by: "rule" }), step(3, "send")],
      links: [link(1, "next", 2), link(2, "yes", 3)],
    });
    graph.add("send", {}, { after: "s2" });
    assert.deepEqual(ways(graph), ["s1 next s2", "s2 no s4", "s2 yes s3"]);
  });

  test("between two steps it is joined to both, and what lies below makes room", () => {
    const graph = chain();
    graph.add("send", {}, { after: "s1" });
    assert.deepEqual(ways(graph), ["s1 next s4", "s2 next s3", "s4 next s2"]);
    assert.deepEqual(
      [1, 4, 2, 3].map((number) => graph.step(`s${number}`).y),
      [190, 340, 490, 640],
    );
  });

  test("an exit cuts nothing off", () => {
    const graph = chain();
    graph.add("exit", {}, { after: "s1" });
    assert.deepEqual(ways(graph), ["s1 next s2", "s2 next s3"]);
  });

  test("nothing leads to an entry", () => {
    const graph = chain();
    const id = graph.add("entry", {}, { after: "s3" });
    assert.ok(!graph.links.some(({ to }) => to === id));
  });

  test("where it is dropped it stays", () => {
    const graph = chain();
    const id = graph.add("send", {}, { at: { x: 700, y: 10 } });
    assert.deepEqual([graph.step(id).x, graph.step(id).y], [700, 10]);
  });

  test("a second branch is put beside the first", () => {
    const graph = new MapGraph({ steps: [step(1, "split", { by: "rule" })], links: [] });
    const [yes, no] = [graph.add("send", {}, { after: "s1" }), graph.add("send", {}, { after: "s1" })];
    assert.equal(graph.step(yes).y, graph.step(no).y);
    assert.ok(graph.step(no).x - graph.step(yes).x >= 248);
  });

  test("an id is never given twice, not even after undo", () => {
    const graph = chain();
    const first = graph.add("send", {});
    graph.undo();
    assert.notEqual(graph.add("wait", {}), first);
  });

  test("settings are copied: the kinds of the page stay as they were", () => {
    const start = { shares: { a: 0.5, b: 0.5 } };
    const graph = new MapGraph({});
    graph.step(graph.add("split", start)).shares.a = 1;
    assert.equal(start.shares.a, 0.5);
  });
});

describe("removing a step", () => {
  test("what led to it leads to what followed", () => {
    const graph = chain();
    graph.remove("s2");
    assert.deepEqual(ways(graph), ["s1 next s3"]);
  });

  test("of several that followed none is guessed", () => {
    const graph = new MapGraph({
      steps: [step(1, "entry"), step(2, "split", { by: "rule" }), step(3, "send"), step(4, "send")],
      links: [link(1, "next", 2), link(2, "yes", 3), link(2, "no", 4)],
    });
    graph.remove("s2");
    assert.deepEqual(ways(graph), []);
  });

  test("a loop of two does not become a step that leads to itself", () => {
    const graph = new MapGraph({
      steps: [step(1, "wait"), step(2, "wait")],
      links: [link(1, "next", 2), link(2, "next", 1)],
    });
    graph.remove("s2");
    assert.deepEqual(graph.links, []);
  });
});

describe("links", () => {
  test("a port leads to one step: a second link takes the place of the first", () => {
    const graph = chain();
    graph.connect("s1", "next", "s3");
    assert.deepEqual(ways(graph), ["s1 next s3", "s2 next s3"]);
  });

  test("led to nothing, a port is free", () => {
    const graph = chain();
    graph.connect("s1", "next", null);
    assert.equal(graph.linkFrom("s1", "next"), undefined);
  });

  test("a link from a port that is not there is dropped", () => {
    const graph = chain();
    graph.connect("s3", "yes", "s2");
    assert.deepEqual(ways(graph), ["s1 next s2", "s2 next s3"]);
  });

  test("an arrow may not lead to an entry, to its own step or to nothing", () => {
    const graph = chain();
    const may = (to) => graph.mayLead("s2", to);
    assert.deepEqual(["s3", "s1", "s2", "s77", null].map(may), [true, false, false, false, false]);
  });
});

describe("settings of a step", () => {
  const split = () =>
    new MapGraph({
      steps: [step(1, "split", { by: "engine", branches: ["a", "b"] }), step(2, "send"), step(3, "send")],
      links: [link(1, "a", 2), link(1, "b", 3)],
    });

  test("a link goes with its branch when that is given another name", () => {
    const graph = split();
    graph.set("s1", { by: "engine", branches: ["a", "short"] });
    assert.deepEqual(ways(graph), ["s1 a s2", "s1 short s3"]);
  });

  test("a link of a branch that is gone goes too", () => {
    const graph = split();
    graph.set("s1", { by: "engine", branches: ["b"] });
    assert.deepEqual(ways(graph), ["s1 b s3"]);
  });

  test("another kind of split takes over the links in order", () => {
    const graph = split();
    graph.set("s1", { by: "rule", rule: {} });
    assert.deepEqual(ways(graph), ["s1 no s3", "s1 yes s2"]);
  });

  test("what is not among the new settings is gone; place and kind stay", () => {
    const graph = split();
    graph.set("s1", { by: "rule" });
    assert.deepEqual(graph.step("s1"), { id: "s1", kind: "split", x: 40, y: 190, by: "rule" });
  });

  test("places are whole numbers", () => {
    const graph = chain();
    graph.place(new Map([["s2", { x: 10.4, y: 99.6 }]]));
    assert.deepEqual([graph.step("s2").x, graph.step("s2").y], [10, 100]);
  });
});

describe("undo", () => {
  test("goes back and forth over every change", () => {
    const graph = chain();
    const states = [graph.now];
    graph.remove("s2");
    states.push(graph.now);
    graph.add("exit", {});
    states.push(graph.now);

    graph.undo();
    assert.deepEqual(graph.now, states[1]);
    graph.undo();
    assert.deepEqual(graph.now, states[0]);
    graph.undo(); // there is nothing before
    assert.deepEqual(graph.now, states[0]);
    graph.redo();
    graph.redo();
    graph.redo();
    assert.deepEqual(graph.now, states[2]);
  });

  test("a new change forgets what was undone", () => {
    const graph = chain();
    graph.remove("s3");
    graph.undo();
    graph.connect("s1", "next", "s3");
    assert.deepEqual(graph.future, []);
  });

  test("a change that changes nothing is none", () => {
    const graph = chain();
    graph.connect("s2", "next", "s3");
    graph.place(new Map([["s1", { x: 40, y: 190 }]]));
    graph.remove("s77");
    assert.deepEqual(graph.past, []);
  });

  test("the last 200 changes are kept", () => {
    const graph = chain();
    for (let x = 1; x <= 250; x++) graph.place(new Map([["s1", { x, y: 0 }]]));
    assert.equal(graph.past.length, 200);
    for (let n = 0; n < 300; n++) graph.undo();
    assert.equal(graph.step("s1").x, 50);
  });

  test("who shows the graph is told once for each change", () => {
    const graph = chain();
    let n = 0;
    graph.addEventListener("change", () => n++);
    graph.remove("s2");
    graph.remove("s2"); // is gone already
    graph.undo();
    graph.redo();
    assert.equal(n, 3);
  });
});

describe("what is saved", () => {
  test("is compared by what is drawn, so that undo back to it counts as saved", () => {
    const graph = chain();
    assert.ok(!graph.isChanged);
    graph.remove("s3");
    assert.ok(graph.isChanged);
    graph.undo();
    assert.ok(!graph.isChanged);
  });

  test("is the state that was sent, not what was drawn meanwhile", () => {
    const graph = chain();
    graph.remove("s3");
    const sent = graph.now;
    graph.remove("s2");
    graph.markSaved(sent);
    assert.ok(graph.isChanged);
    graph.undo();
    assert.ok(!graph.isChanged);
  });
});

test("whatever is done, links join steps that are there, one from each port, and all of it can be undone", () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = repeatable(seed);
    const graph = new MapGraph({ steps: [step(1, "entry"), EXIT], links: [] });
    const start = graph.now;
    const ids = () => graph.steps.map(({ id }) => id);
    const settings = {
      entry: {},
      wait: { for: "event" },
      split: { by: "engine", branches: ["a", "b", "c"] },
      send: {},
      exit: {},
    };
    const acts = [
      () => {
        const kind = pick(random, Object.keys(settings));
        graph.add(kind, settings[kind], { after: pick(random, ids()) });
      },
      () => ids().length && graph.remove(pick(random, ids())),
      () => {
        const from = pick(random, graph.steps);
        if (from) graph.connect(from.id, pick(random, [...portsOf(from), "strange"]), pick(random, [...ids(), null]));
      },
      () => {
        const one = graph.steps.find(({ kind }) => kind === "split");
        if (one) graph.set(one.id, { by: "engine", branches: ["a", "b", "c", "d"].filter(() => random() < 0.6) });
      },
      () => graph.undo(),
      () => graph.redo(),
    ];
    for (let n = 0; n < 120; n++) {
      const before = JSON.stringify(graph.now);
      const held = graph.now;
      pick(random, acts)();
      assert.equal(JSON.stringify(held), before, "a state was changed in place");
      const used = graph.links.map(({ from, port }) => `${from}:${port}`);
      assert.equal(new Set(used).size, used.length, "two links from one port");
      for (const { from, port, to } of graph.links) {
        assert.ok(portsOf(graph.step(from)).includes(port));
        assert.ok(graph.step(to));
      }
    }
    const end = graph.now;
    const n = graph.past.length;
    for (let i = 0; i < n; i++) graph.undo();
    assert.deepEqual(graph.now, start);
    for (let i = 0; i < n; i++) graph.redo();
    assert.deepEqual(graph.now, end);
  }
});
