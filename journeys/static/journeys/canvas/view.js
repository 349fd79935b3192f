/* Which part of a drawing is seen: sizes, and how to move it. Nothing here knows the page.
 *
 * Boxes are {x, y, width, height} or {width, height}; in pixels of the page unless said otherwise.
 */
"use strict";

(() => {
  const CARD = { width: 248, height: 92 }; // of a step, in the drawing
  const MARGIN = { left: 168, right: 40, top: 28, bottom: 64 }; // the palette and the tools lie over it
  const GRID = 10;

  /* How far along one side something has to move to be seen; its beginning, where it is too long. */
  function shift(start, size, first, last) {
    return start < first ? first - start : Math.min(0, last - start - size);
  }

  /* How far to move the drawing until `box` is wholly seen, inside what nothing lies over. */
  function panToShow(box, { width, height }) {
    return {
      x: shift(box.x, box.width, MARGIN.left, width - MARGIN.right),
      y: shift(box.y, box.height, MARGIN.top, height - MARGIN.bottom),
    };
  }

  /* {scale, x, y}: all cards, in the part of the box that nothing lies over; never smaller than `least`:
   * then the top of it, with `entryMiddle` in the middle as far as no room is left empty beside. */
  function fitAll(places, { width, height }, least, entryMiddle) {
    const [xs, ys] = [places.map(({ x }) => x), places.map(({ y }) => y)];
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    const drawn = { width: Math.max(...xs) + CARD.width - left, height: Math.max(...ys) + CARD.height - top };
    const room = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
    const scale = Math.max(least, Math.min(1, room.width / drawn.width, room.height / drawn.height));
    const centre = left + drawn.width / 2;
    const middle = scale * drawn.width <= room.width ? centre : (entryMiddle ?? centre);
    const ends = [-scale * left, room.width - scale * (left + drawn.width)].sort((a, b) => a - b);
    return {
      scale,
      x: MARGIN.left + Math.max(ends[0], Math.min(ends[1], room.width / 2 - scale * middle)),
      y: MARGIN.top + Math.max(0, (room.height - scale * drawn.height) / 4) - scale * top,
    };
  }

  /* The corner of a card whose middle is at a point of the drawing, on the grid. */
  function cornerAround({ x, y }) {
    const snapped = (value) => Math.round(value / GRID) * GRID;
    return { x: snapped(x - CARD.width / 2), y: snapped(y - CARD.height / 2) };
  }

  Object.assign(window.JourneyCanvas, { CARD, panToShow, fitAll, cornerAround });
})();
