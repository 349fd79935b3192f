/* The graph of a map while it is edited: steps, links, and every state before, for undo.
 *
 * A state is never changed in place: `change` edits a copy, so that undo is the state before.
 * Nothing here knows the page; "change" tells whoever shows the graph.
 */
"use strict";

(() => {
  const MOST_UNDO = 200;
  const SPACE = { x: 300, y: 150 }; // from one step to the next, where nobody drags

  /* The ports of a step, in the order in which they are drawn. */
  function portsOf(step) {
    if (step.kind === "exit") return [];
    if (step.kind === "wait" && step.for === "event") return ["happened", "timed_out"];
    if (step.kind !== "split") return ["next"];
    if (step.by === "random") return Object.keys(step.shares ?? {});
    if (step.by === "engine") return step.branches ?? [];
    return ["yes", "no"];
  }

  class MapGraph extends EventTarget {
    constructor(json) {
      super();
      this.now = { steps: json.steps ?? [], links: json.links ?? [] };
      this.past = [];
      this.future = [];
      this.markSaved();
    }

    get steps() {
      return this.now.steps;
    }

    get links() {
      return this.now.links;
    }

    get isChanged() {
      return JSON.stringify(this.now) !== this.saved;
    }

    step(id) {
      return this.now.steps.find((step) => step.id === id);
    }

    linkFrom(id, port) {
      return this.now.links.find((link) => link.from === id && link.port === port);
    }

    markSaved(state = this.now) {
      this.saved = JSON.stringify(state);
      this.dispatchEvent(new Event("change"));
    }

    /* Edits a copy of the state; links without their step or port go with it. */
    change(edit) {
      const next = structuredClone(this.now);
      edit(next);
      const byId = new Map(next.steps.map((step) => [step.id, step]));
      next.links = next.links.filter(
        ({ from, port, to }) => byId.has(from) && byId.has(to) && portsOf(byId.get(from)).includes(port),
      );
      if (JSON.stringify(next) === JSON.stringify(this.now)) return;
      this.past.push(this.now);
      if (this.past.length > MOST_UNDO) this.past.shift();
      this.future = [];
      this.now = next;
      this.dispatchEvent(new Event("change"));
    }

    undo() {
      this.walk(this.past, this.future);
    }

    redo() {
      this.walk(this.future, this.past);
    }

    walk(from, to) {
      if (!from.length) return;
      to.push(this.now);
      this.now = from.pop();
      this.dispatchEvent(new Event("change"));
    }

    /* A new step: at a point, or below the step `after`, between it and what follows it there. */
    add(kind, settings, { at, after } = {}) {
      const numbers = [this.now, ...this.past, ...this.future].flatMap((state) =>
        state.steps.map((step) => Number(/^s(\d+)$/.exec(step.id)?.[1] ?? 0)),
      );
      const id = `s${Math.max(0, ...numbers) + 1}`;
      this.change((next) => {
        const before = next.steps.find((step) => step.id === after);
        const ports = before && kind !== "entry" ? portsOf(before) : [];
        const isFree = (port) => !next.links.some((link) => link.from === after && link.port === port);
        const port = ports.find(isFree) ?? ports[0];
        const place = at ?? this.freePlace(next, before, Math.max(0, ports.indexOf(port)));
        const step = { id, kind, ...place, ...structuredClone(settings) };
        next.steps.push(step);
        if (port === undefined) return;
        const old = next.links.find((link) => link.from === after && link.port === port);
        if (old && !portsOf(step).length) return; // an exit in between would cut off the rest
        if (old) {
          next.links = next.links.filter((link) => link !== old);
          next.links.push({ from: id, port: portsOf(step)[0], to: old.to });
          for (const other of next.steps) if (other !== step && other.y >= place.y) other.y += SPACE.y;
        }
        next.links.push({ from: after, port, to: id });
      });
      return id;
    }

    freePlace(state, before, column) {
      const lowest = Math.max(-SPACE.y + 40, ...state.steps.map((step) => step.y));
      if (!before) return { x: 40, y: lowest + SPACE.y };
      const place = { x: before.x + column * SPACE.x, y: before.y + SPACE.y };
      const isTaken = () =>
        state.steps.some(({ x, y }) => Math.abs(x - place.x) < SPACE.x - 40 && Math.abs(y - place.y) < 100);
      const isBetween = state.links.some((link) => link.from === before.id);
      while (!isBetween && isTaken()) place.x += SPACE.x;
      return place;
    }

    remove(id) {
      this.change((next) => {
        // What led to the step now leads to what followed it, where that is one step.
        const out = next.links.filter((link) => link.from === id);
        const into = next.links.filter((link) => link.to === id && link.from !== id);
        next.steps = next.steps.filter((step) => step.id !== id);
        if (out.length === 1 && out[0].to !== id) {
          for (const link of into) if (link.from !== out[0].to) next.links.push({ ...link, to: out[0].to });
        }
      });
    }

    /* Whether an arrow may be drawn: to another step that is there and is no entry. */
    mayLead(from, to) {
      const target = this.step(to);
      return target !== undefined && target.kind !== "entry" && from !== to;
    }

    connect(from, port, to) {
      this.change((next) => {
        next.links = next.links.filter((link) => !(link.from === from && link.port === port));
        if (to) next.links.push({ from, port, to });
      });
    }

    place(places) {
      this.change((next) => {
        for (const step of next.steps) {
          const place = places.get(step.id);
          if (place) Object.assign(step, { x: Math.round(place.x), y: Math.round(place.y) });
        }
      });
    }

    /* New settings of a step; a link stays with its port, or with the port now in its place. */
    set(id, settings) {
      this.change((next) => {
        const i = next.steps.findIndex((step) => step.id === id);
        const { kind, x, y } = next.steps[i];
        const before = portsOf(next.steps[i]);
        next.steps[i] = { id, kind, x, y, ...settings };
        const after = portsOf(next.steps[i]);
        for (const link of next.links.filter((link) => link.from === id && !after.includes(link.port))) {
          const heir = after[before.indexOf(link.port)];
          if (heir !== undefined && !before.includes(heir)) link.port = heir;
        }
      });
    }
  }

  Object.assign(window.JourneyCanvas, { MapGraph, portsOf });
})();
