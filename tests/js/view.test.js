"use strict";

const assert = require("node:assert/strict");
const { describe, test } = require("node:test");
const { loadCanvas, repeatable } = require("./load.js");

const { CARD, panToShow, fitAll, cornerAround } = loadCanvas("view");

const SEEN = { width: 1208, height: 792 }; // less what lies over it: 1000 by 700, from (168, 28)
const INSIDE = { left: 168, right: 1168, top: 28, bottom: 728 };

/* Where a card is seen. */
function shown({ scale, x, y }, place) {
  const [left, top] = [x + scale * place.x, y + scale * place.y];
  return { left, top, right: left + scale * CARD.width, bottom: top + scale * CARD.height };
}

function isInside(card) {
  const near = 1e-6;
  return (
    card.left >= INSIDE.left - near &&
    card.right <= INSIDE.right + near &&
    card.top >= INSIDE.top - near &&
    card.bottom <= INSIDE.bottom + near
  );
}

describe("fitting the drawing", () => {
  test("one card is shown at its own size, in the middle", () => {
    const view = fitAll([{ x: 40, y: 40 }], SEEN, 0.1);
    const { left, right } = shown(view, { x: 40, y: 40 });
    assert.equal(view.scale, 1);
    assert.equal((left + right) / 2, (INSIDE.left + INSIDE.right) / 2);
  });

  test("every card is seen, whatever the drawing", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = repeatable(seed);
      const places = Array.from({ length: 1 + Math.floor(20 * random()) }, () => ({
        x: Math.round(4000 * random() - 1000),
        y: Math.round(4000 * random() - 1000),
      }));
      const view = fitAll(places, SEEN, 0.1, 100);
      assert.ok(view.scale <= 1);
      for (const place of places) assert.ok(isInside(shown(view, place)), `seed ${seed}`);
    }
  });

  test("where it would be too small to read, the top is shown and the entry is in the middle", () => {
    const places = [
      { x: 0, y: 300 },
      { x: 2000, y: 0 },
      { x: 4000, y: 3000 },
    ];
    const view = fitAll(places, SEEN, 0.75, 2000 + CARD.width / 2);
    const entry = shown(view, places[1]);
    assert.equal(view.scale, 0.75);
    assert.equal(entry.top, INSIDE.top);
    assert.equal((entry.left + entry.right) / 2, (INSIDE.left + INSIDE.right) / 2);
  });

  test("an entry at the edge leaves no room empty beside the drawing", () => {
    const places = [
      { x: 0, y: 0 },
      { x: 4000, y: 3000 },
    ];
    const view = fitAll(places, SEEN, 0.75, CARD.width / 2);
    assert.equal(shown(view, places[0]).left, INSIDE.left);
  });
});

describe("moving until a card is seen", () => {
  const box = (x, y) => ({ x, y, width: 248, height: 92 });

  test("what is seen stays", () => assert.deepEqual(panToShow(box(300, 300), SEEN), { x: 0, y: 0 }));

  test("as far as needed and no further", () => {
    assert.deepEqual(panToShow(box(0, 0), SEEN), { x: 168, y: 28 });
    assert.deepEqual(panToShow(box(1100, 700), SEEN), { x: -180, y: -64 });
  });

  test("of what is too large, the beginning", () => {
    assert.equal(panToShow({ x: 100, y: 300, width: 2000, height: 92 }, SEEN).x, 68);
  });
});

test("a card is dropped with its middle under the pointer, on the grid", () => {
  assert.deepEqual(cornerAround({ x: 127, y: 48 }), { x: 0, y: 0 });
  assert.deepEqual(cornerAround({ x: 1000, y: 500 }), { x: 880, y: 450 });
});
