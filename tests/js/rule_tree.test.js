"use strict";

const assert = require("node:assert/strict");
const { describe, test } = require("node:test");
const { load, repeatable, pick } = require("./load.js");

const { RuleTree } = load("segments/static/segments/rule_tree.js");
const { KINDS, isGroup, openGroup, closeGroup, placeInside, innermost, typeOf } = RuleTree;
const { parseValue, parseLines, groupFields } = RuleTree;

const RECENT = { field: "recency", op: "lt", value: 30 };
const PORTUGAL = { field: "country", op: "eq", value: "PT" };

/* The rule as the editor would write it, that is: every group opened and closed again. */
function rewritten(rule, isTop = true) {
  if (!isTop && !isGroup(rule)) return rule;
  const { kind, parts } = openGroup(rule);
  return closeGroup(
    kind,
    parts.map((part) => rewritten(part, false)),
    { isTop },
  );
}

describe("groups", () => {
  const cases = [
    [{ all: [RECENT, PORTUGAL] }, "all", [RECENT, PORTUGAL]],
    [{ any: [RECENT] }, "any", [RECENT]],
    [{ not: { all: [RECENT] } }, "not_all", [RECENT]],
    [{ not: { any: [RECENT, PORTUGAL] } }, "not_any", [RECENT, PORTUGAL]],
  ];
  for (const [rule, kind, parts] of cases) {
    test(`${kind} is opened and closed again`, () => {
      assert.deepEqual(openGroup(rule), { kind, parts });
      assert.deepEqual(closeGroup(kind, parts), rule);
    });
  }

  test("a condition in place of a group is its only part", () => {
    assert.deepEqual(openGroup(RECENT), { kind: "all", parts: [RECENT] });
    assert.deepEqual(rewritten(RECENT), { all: [RECENT] });
    assert.deepEqual(rewritten({ not: RECENT }), { not: { any: [RECENT] } });
  });

  test("what is negated twice stays so", () => {
    const rule = { not: { any: [{ not: { all: [RECENT] } }] } };
    assert.deepEqual(rewritten(rule), rule);
  });

  test("no rule is everybody, but an empty group inside is kept for the server to refuse", () => {
    assert.deepEqual(openGroup({}), { kind: "all", parts: [] });
    for (const kind of KINDS) assert.deepEqual(closeGroup(kind, [], { isTop: true }), {});
    assert.deepEqual(closeGroup("not_any", []), { not: { any: [] } });
  });

  test("a condition is no group", () => {
    assert.ok(!isGroup(RECENT));
    assert.ok(!isGroup(null));
    assert.ok(isGroup({ not: RECENT }));
  });

  test("every tree comes back as it was", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = repeatable(seed);
      const tree = (depth) => {
        const n = 1 + Math.floor(3 * random());
        const part = () => (depth > 0 && random() < 0.5 ? tree(depth - 1) : pick(random, [RECENT, PORTUGAL]));
        return closeGroup(pick(random, KINDS), Array.from({ length: n }, part));
      };
      const rule = tree(4);
      assert.deepEqual(rewritten(rule), rule);
    }
  });
});

describe("places of problems", () => {
  test("follow the JSON, parts counted from one", () => {
    assert.deepEqual(placeInside("all", []), ["all"]);
    assert.deepEqual(placeInside("not_any", ["all", 2]), ["all", 2, "not", "any"]);
  });

  test("are shown at the innermost part that is on the page", () => {
    const parts = { "": "top", all: "top", "all/2": "group", "all/2/not/any/1": "condition" };
    const at = (path) => parts[path];
    assert.equal(innermost(["all", 2, "not", "any", 1, "value"], at), "condition");
    assert.equal(innermost(["all", 2, "not"], at), "group");
    assert.equal(innermost(["all", 7, "field"], at), "top");
    assert.equal(innermost([], at), "top");
    assert.equal(
      innermost(["any"], () => undefined),
      undefined,
    );
  });
});

describe("values", () => {
  const numbers = [
    ["30", 30],
    [" -1.5 ", -1.5],
    [".5", 0.5],
    ["1e3", 1000],
    ["", null],
    ["12,5", "12,5"], // no number as JSON has it: the server says so
    ["0x10", "0x10"],
    ["Infinity", "Infinity"],
    ["3 days", "3 days"],
  ];
  for (const [text, wanted] of numbers) {
    test(`“${text}” as a number is ${JSON.stringify(wanted)}`, () => assert.equal(parseValue(text, "number"), wanted));
  }

  test("text that looks like a number stays text", () => {
    assert.equal(parseValue(" 007 ", "text"), "007");
    assert.equal(parseValue("  ", "text"), null);
  });

  test("lines are values, empty ones are none", () => {
    assert.deepEqual(parseLines("1\n\n 2 \nx\n", "number"), [1, 2, "x"]);
    assert.deepEqual(parseLines("\n", "text"), []);
  });
});

describe("fields", () => {
  test("know their type; an attribute has that of its value", () => {
    const country = { type: "choice" };
    assert.equal(typeOf("country", "PT", country), "choice");
    assert.equal(typeOf("attribute.shoe", 42, undefined), "number");
    assert.equal(typeOf("attribute.shoe", ["a", "b"], { type: "number" }), "text");
    assert.equal(typeOf("attribute.shoe", undefined, { type: "number" }), "number");
    assert.equal(typeOf("attribute.new", undefined, undefined), "text");
  });

  test("that are no longer there are a number or text by their name", () => {
    assert.equal(typeOf("feature.gone", undefined, undefined), "number");
    assert.equal(typeOf("gone", undefined, undefined), "text");
  });

  test("are listed by group, in the order given", () => {
    const field = (name, group) => ({ name, label: name.toUpperCase(), group });
    assert.deepEqual(groupFields([field("a", "Who"), field("b", "What"), field("c", "Who")]), [
      [
        "Who",
        [
          ["a", "A"],
          ["c", "C"],
        ],
      ],
      ["What", [["b", "B"]]],
    ]);
  });
});
