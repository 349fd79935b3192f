"use strict";

const assert = require("node:assert/strict");
const { describe, test } = require("node:test");
const { loadCanvas } = require("./load.js");

const canvas = loadCanvas("values");

describe("numbers", () => {
  const cases = [
    ["12", 12],
    [" 12.5 ", 12.5],
    ["12,5", 12.5], // as most of Europe writes it
    ["-3", -3],
    ["0", 0],
    ["", null],
    ["   ", null],
    ["soon", "soon"], // kept: the server says that it is no number
    ["1,000.5", "1,000.5"], // two signs: which of them is the point is not guessed
  ];
  for (const [text, wanted] of cases) {
    test(`“${text}” is ${JSON.stringify(wanted)}`, () => assert.equal(canvas.numberIn(text), wanted));
  }
});

describe("durations", () => {
  const cases = [
    [0, [0, "hours"]],
    [45, [45, "minutes"]],
    [60, [1, "hours"]],
    [90, [90, "minutes"]],
    [1440, [1, "days"]],
    [36 * 60, [36, "hours"]],
    [0.5, [0.5, "minutes"]],
    [null, ["", "hours"]],
    [undefined, ["", "hours"]],
    ["soon", ["soon", "hours"]],
  ];
  for (const [minutes, shown] of cases) {
    test(`${minutes} is shown as ${shown.join(" ")}`, () => assert.deepEqual(canvas.durationShown(minutes), shown));
  }

  test("what is shown is read as what it was", () => {
    for (let minutes = 0; minutes <= 5000; minutes++) {
      const [number, unit] = canvas.durationShown(minutes);
      assert.equal(canvas.durationRead(String(number), unit), minutes);
    }
  });

  test("nothing is no duration, and text is kept", () => {
    assert.equal(canvas.durationRead("", "days"), null);
    assert.equal(canvas.durationRead("soon", "days"), "soon");
  });
});

describe("shares", () => {
  test("are per cent on the page", () => {
    assert.deepEqual(canvas.sharesShown({ a: 0.7, b: 0.3, c: "half" }), [
      ["a", 70],
      ["b", 30],
      ["c", "half"],
    ]);
  });

  test("come back as they were", () => {
    for (let n = 0; n <= 10_000; n++) {
      const shares = { a: n / 10_000, b: (10_000 - n) / 10_000 };
      assert.deepEqual(canvas.sharesRead(canvas.sharesShown(shares)), shares);
    }
  });
});

test("a new branch gets the first letter that is free", () => {
  assert.equal(canvas.freeLetter([]), "a");
  assert.equal(canvas.freeLetter(["b", "a", "long"]), "c");
  assert.equal(canvas.freeLetter([..."abcdefghijklmnopqrstuvwxyz"]), "");
});

test("a field is there when what it hangs on has been chosen", () => {
  assert.ok(canvas.isFitting(undefined, {}));
  assert.ok(canvas.isFitting({ for: "event" }, { for: "event" }));
  assert.ok(!canvas.isFitting({ for: "event" }, { for: "time" }));
  assert.ok(!canvas.isFitting({ for: "event" }, {}));
  assert.ok(canvas.isFitting({ by: ["random", "engine"] }, { by: "engine" }));
  assert.ok(!canvas.isFitting({ by: ["random", "engine"], for: "x" }, { by: "engine" }));
});

test("texts are filled as Python would", () => {
  assert.equal(canvas.fill("%(n)s here, %(n)s of %(all)s", { n: 3, all: 5 }), "3 here, 3 of 5");
});
