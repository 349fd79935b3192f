/* An order for a drawing that nobody ordered: levels from the entry down, branches side by side in the
 * order of their ports, and each step below the middle of what it leads to.
 *
 * Every step hangs from one other, on the level just above; other arrows are drawn around.
 */
"use strict";

(() => {
  const { portsOf } = window.JourneyCanvas;

  /* Steps that each step leads to, in the order of its ports, without arrows that close a loop. */
  function forward(graph) {
    const after = new Map(
      graph.steps.map((step) => {
        const targets = portsOf(step).map((port) => graph.linkFrom(step.id, port)?.to);
        return [step.id, [...new Set(targets.filter(Boolean))]];
      }),
    );
    const done = new Set();
    const order = []; // each step behind all that it leads to
    const open = new Set();
    const visit = (id) => {
      open.add(id);
      after.set(
        id,
        after.get(id).filter((next) => !open.has(next)),
      );
      for (const next of after.get(id)) if (!done.has(next)) visit(next);
      open.delete(id);
      done.add(id);
      order.push(id);
    };
    const entries = graph.steps.filter((step) => step.kind === "entry");
    for (const { id } of [...entries, ...graph.steps]) if (!done.has(id)) visit(id);
    return { after, order: order.reverse() };
  }

  /* id -> {x, y}, of the upper left corner; size and gap : {width, height} of cards, between them. */
  function arrange(graph, size, gap) {
    const { after, order } = forward(graph);
    const level = new Map(order.map((id) => [id, 0]));
    for (const id of order) {
      for (const next of after.get(id)) level.set(next, Math.max(level.get(next), level.get(id) + 1));
    }
    const held = new Set();
    const children = new Map();
    for (const id of order) {
      const mine = after.get(id).filter((next) => !held.has(next) && level.get(next) === level.get(id) + 1);
      children.set(id, mine);
      for (const next of mine) held.add(next);
    }
    const column = new Map();
    let n_columns = 0;
    const hang = (id) => {
      const mine = children.get(id);
      for (const next of mine) hang(next);
      const middle = mine.length ? (column.get(mine[0]) + column.get(mine.at(-1))) / 2 : n_columns++;
      column.set(id, middle);
    };
    for (const id of order) if (!held.has(id)) hang(id);
    return new Map(
      order.map((id) => [
        id,
        { x: 40 + column.get(id) * (size.width + gap.width), y: 40 + level.get(id) * (size.height + gap.height) },
      ]),
    );
  }

  Object.assign(window.JourneyCanvas, { arrange });
})();
