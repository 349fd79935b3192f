"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { loadCanvas, repeatable } = require("./load.js");

const { wayBetween } = loadCanvas("route");

const SIZE = { width: 248, height: 92 };
const card = (x, y, isEnd = false) => ({ isEnd, box: { x, y, ...SIZE } });
const port = ({ box }) => ({ x: box.x + box.width / 2, y: box.y + box.height });
const top = ({ box }) => ({ x: box.x + box.width / 2, y: box.y });

/* The arrow from one card to another, its ends with it. */
function way(from, to, others = []) {
  const points = wayBetween(port(from), top(to), [from, to, ...others]);
  return [port(from), ...points, top(to)];
}

/* Whether a straight line runs through the inside of a card: looked at every pixel of the way. */
function runsThrough(points, { box }) {
  return points.slice(1).some((end, i) => {
    const start = points[i];
    const n = Math.ceil(Math.max(Math.abs(end.x - start.x), Math.abs(end.y - start.y), 1));
    return Array.from({ length: n + 1 }, (_none, k) => k / n).some((share) => {
      const [x, y] = [start.x + share * (end.x - start.x), start.y + share * (end.y - start.y)];
      return x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height;
    });
  });
}

test("straight down needs no bend", () => {
  assert.equal(way(card(0, 0, true), card(0, 200, true)).length, 2);
});

test("to the side it turns twice, just above the target", () => {
  const points = way(card(0, 0, true), card(400, 200, true));
  assert.deepEqual(points, [
    { x: 124, y: 92 },
    { x: 124, y: 170 },
    { x: 524, y: 170 },
    { x: 524, y: 200 },
  ]);
});

test("around a card in between", () => {
  const between = card(0, 150);
  const points = way(card(0, 0, true), card(0, 300, true), [between]);
  assert.ok(points.length > 2);
  assert.ok(!runsThrough(points, between));
});

test("back up it goes beside the cards, not through them", () => {
  const [from, to] = [card(0, 300, true), card(0, 0, true)];
  const points = way(from, to);
  assert.ok(!runsThrough(points, from));
  assert.ok(!runsThrough(points, to));
});

test("of two ways around, the shorter", () => {
  const points = way(card(0, 0, true), card(0, 300, true), [card(-60, 150)]);
  assert.ok(Math.max(...points.map(({ x }) => x)) > 188); // to the right, where the card ends sooner
  assert.ok(Math.min(...points.map(({ x }) => x)) >= 124);
});

test("where the shorter way around is taken, the other", () => {
  const cards = [card(-60, 150), card(200, 150)];
  const points = way(card(0, 0, true), card(0, 300, true), cards);
  for (const one of cards) assert.ok(!runsThrough(points, one));
  assert.ok(Math.min(...points.map(({ x }) => x)) < -60);
});

test("every piece is upright or level, and a way around is taken wherever lanes are free", () => {
  for (let seed = 1; seed <= 80; seed++) {
    const random = repeatable(seed);
    // Cards on a grid with free lanes between the columns and rows.
    const all = [];
    for (let column = 0; column < 4; column++) {
      for (let row = 0; row < 4; row++) if (random() < 0.6) all.push(card(296 * column, 150 * row));
    }
    if (all.length < 2) continue;
    const from = all[Math.floor(random() * all.length)];
    const to = all.filter((one) => one !== from)[Math.floor(random() * (all.length - 1))];
    const cards = all.map((one) => ({ ...one, isEnd: one === from || one === to }));
    const points = [port(from), ...wayBetween(port(from), top(to), cards), top(to)];
    for (const [i, end] of points.slice(1).entries()) {
      assert.ok(Math.abs(end.x - points[i].x) < 3 || end.y === points[i].y, `slanting, seed ${seed}`);
    }
    for (const one of all) assert.ok(!runsThrough(points, one), `through a card, seed ${seed}`);
  }
});
