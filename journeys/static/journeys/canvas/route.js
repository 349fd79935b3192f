/* The way of an arrow from a port down to the top of a card, around the cards in between. */
"use strict";

(() => {
  const LEG = 24; // straight down from a port, and into a card
  const BEND = 30; // above the target, where arrows turn
  const AWAY = 22; // of an arrow from the side of a card that it passes

  function isCrossed(card, [a, b]) {
    const margin = card.isEnd ? -1 : 8;
    const { x, y, width, height } = card.box;
    return (
      Math.min(a.x, b.x) < x + width + margin &&
      Math.max(a.x, b.x) > x - margin &&
      Math.min(a.y, b.y) < y + height + margin &&
      Math.max(a.y, b.y) > y - margin
    );
  }

  /* Points between the two ends; cards : [{isEnd, box}]. The shortest way that crosses no card, of
   * those straight down and across, or down a lane beside some card; else straight. */
  function wayBetween(from, to, cards) {
    const isFree = (points) =>
      points.slice(1).every((point, i) => !cards.some((card) => isCrossed(card, [points[i], point])));
    const across = Math.max(from.y + LEG, to.y - BEND);
    const straight =
      Math.abs(from.x - to.x) < 3
        ? []
        : [
            { x: from.x, y: across },
            { x: to.x, y: across },
          ];
    if (to.y >= from.y + LEG + 10 && isFree([from, ...straight, to])) return straight;
    const [below, above] = [from.y + LEG, to.y - LEG];
    const lanes = cards.flatMap(({ box }) => [box.x - AWAY, box.x + box.width + AWAY]);
    const detour = (x) => Math.abs(x - from.x) + Math.abs(x - to.x);
    for (const x of lanes.sort((one, other) => detour(one) - detour(other))) {
      const way = [
        { x: from.x, y: below },
        { x, y: below },
        { x, y: above },
        { x: to.x, y: above },
      ];
      if (isFree([from, ...way, to])) return way;
    }
    return straight;
  }

  Object.assign(window.JourneyCanvas, { wayBetween });
})();
