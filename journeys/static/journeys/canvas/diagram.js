/* The drawing of a map, by X6: cards for steps, arrows for links, drawn anew from the graph.
 *
 * It never changes the graph: what somebody drags is told through `on` and comes back by `show`.
 * Cards are plain elements that can be tabbed to; the library only moves them.
 */
"use strict";

(() => {
  const { element, icon, fill, portsOf, arrange, wayBetween } = window.JourneyCanvas;
  const { CARD, panToShow, fitAll, cornerAround } = window.JourneyCanvas;
  const GAP = { width: 48, height: 58 }; // between cards side by side, and one above the other
  const ZOOM = { least: 0.1, most: 1.5 };
  const NUDGE = 10;
  const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

  X6.Config.autoInsertCSS = false; // x6.css is on the page

  X6.Graph.registerRouter(
    "journey",
    (_points, _settings, view) => {
      const ends = [view.cell.getSourceCellId(), view.cell.getTargetCellId()];
      const cards = view.graph.getNodes().map((node) => ({ isEnd: ends.includes(node.id), box: node.getBBox() }));
      return wayBetween(view.sourceAnchor, view.targetAnchor, cards);
    },
    true,
  );

  class Diagram {
    constructor(box, { kinds, texts, isEditable, on }) {
      Object.assign(this, { box, kinds, texts, isEditable, on });
      this.cards = new Map();
      this.selected = null;
      X6.Shape.HTML.register({
        shape: "step",
        ...CARD,
        effect: [],
        html: (cell) => this.cards.get(cell.id),
        ports: { groups: { out: this.portGroup() } },
      });
      this.drawing = new X6.Graph({
        container: box,
        async: false,
        autoResize: box.parentElement,
        panning: { enabled: true, eventTypes: ["leftMouseDown"] },
        mousewheel: { enabled: true, modifiers: ["ctrl", "meta"], minScale: ZOOM.least, maxScale: ZOOM.most },
        scaling: { min: ZOOM.least, max: ZOOM.most },
        interacting: { nodeMovable: isEditable, magnetConnectable: isEditable, arrowheadMovable: isEditable },
        highlighting: {
          nodeAvailable: { name: "className", args: { className: "jm-available" } },
          magnetAdsorbed: { name: "className", args: { className: "jm-target" } },
          default: { name: "className", args: { className: "jm-target" } },
        },
        connecting: {
          highlight: true,
          allowBlank: false,
          allowLoop: false,
          allowEdge: false,
          allowPort: false,
          allowNode: true,
          router: "journey",
          connector: { name: "rounded", args: { radius: 10 } },
          sourceAnchor: "center",
          targetAnchor: { name: "top", args: {} },
          connectionPoint: "anchor",
          createEdge: () => this.drawing.createEdge(this.arrow()),
          validateConnection: ({ sourceCell, targetCell }) =>
            Boolean(sourceCell && targetCell) && this.on.mayLead(sourceCell.id, targetCell.id),
        },
      });
      this.listen();
    }

    portGroup() {
      return {
        position: { name: "bottom", args: {} },
        markup: [
          { tagName: "circle", selector: "halo", attrs: { class: "jm-port-halo" } },
          { tagName: "circle", selector: "circle", attrs: { class: "jm-port" } },
        ],
        attrs: {
          halo: { r: 14, magnet: this.isEditable },
          circle: { r: 6, pointerEvents: "none" },
        },
        label: { position: { name: "right", args: { x: 11, y: 11 } } },
      };
    }

    arrow() {
      return {
        shape: "edge",
        zIndex: -1,
        attrs: { line: { class: "jm-link", targetMarker: { name: "block", width: 9, height: 8, class: "jm-arrow" } } },
      };
    }

    kindOf(id) {
      return this.cards.get(id)?.dataset.kind;
    }

    listen() {
      const { drawing, box } = this;
      drawing.on("node:click", ({ node }) => this.on.select(node.id));
      drawing.on("node:moved", ({ node }) => this.on.move(new Map([[node.id, node.position()]])));
      drawing.on("blank:click", () => this.on.select(null));
      drawing.on("edge:connected", ({ edge, isNew }) => {
        const [from, to] = [edge.getSource(), edge.getTargetCellId()];
        if (isNew) edge.remove();
        this.on.connect(from.cell, from.port, to);
      });
      drawing.on("scale", () => this.viewChanged());
      drawing.on("translate", () => this.viewChanged());
      if (this.isEditable) {
        drawing.on("edge:mouseenter", ({ edge }) => {
          edge.addTools([
            { name: "button-remove", args: { distance: 0.5, onClick: () => this.disconnect(edge) } },
            { name: "target-arrowhead", args: { attrs: { class: "jm-arrow-handle" } } },
          ]);
        });
        drawing.on("edge:mouseleave", ({ edge }) => edge.removeTools());
      }
      box.addEventListener("wheel", (event) => {
        if (event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        drawing.translateBy(-event.deltaX, -event.deltaY);
      });
      box.addEventListener("keydown", (event) => this.key(event));
      box.addEventListener("focusin", (event) => {
        const id = event.target.closest?.("[data-step]")?.dataset.step;
        if (id && event.target.matches(":focus-visible")) this.reveal(id);
      });
      // The browser scrolls a clipped box to what has the focus; the drawing pans instead.
      box.addEventListener("scroll", () => box.scrollTo(0, 0));
    }

    disconnect(edge) {
      const { cell, port } = edge.getSource();
      this.on.connect(cell, port, null);
    }

    key(event) {
      const id = event.target.closest("[data-step]")?.dataset.step;
      if (!id || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Enter" || event.key === " ") this.on.select(id, true);
      else if (this.isEditable && (event.key === "Delete" || event.key === "Backspace")) this.on.remove(id);
      else if (this.isEditable && ARROWS[event.key]) {
        const { x, y } = this.drawing.getCellById(id).position();
        const [right, down] = ARROWS[event.key];
        this.on.move(new Map([[id, { x: x + NUDGE * right, y: y + NUDGE * down }]]));
      } else return;
      event.preventDefault();
    }

    /* --- showing ------------------------------------------------------------------------- */

    show(graph) {
      const ids = new Set(graph.steps.map((step) => step.id));
      const linkIds = new Set(graph.links.map((link) => `${link.from}:${link.port}`));
      for (const cell of this.drawing.getCells()) {
        if (!ids.has(cell.id) && !linkIds.has(cell.id)) cell.remove();
      }
      for (const id of this.cards.keys()) if (!ids.has(id)) this.cards.delete(id);
      for (const step of graph.steps) this.showStep(step);
      for (const link of graph.links) this.showLink(link);
      // An arrow goes around cards, so that it may lie elsewhere when any of them has moved.
      const places = JSON.stringify([graph.links, graph.steps.map(({ id, x, y }) => [id, x, y])]);
      if (places === this.places) return;
      this.places = places;
      for (const edge of this.drawing.getEdges()) this.drawing.findViewByCell(edge)?.update();
    }

    showStep(step) {
      const ports = portsOf(step);
      const names = JSON.stringify(ports);
      let node = this.drawing.getCellById(step.id);
      if (!node) {
        this.cards.set(step.id, this.card(step));
        node = this.drawing.addNode({ id: step.id, shape: "step", x: step.x, y: step.y });
      } else if (node.position().x !== step.x || node.position().y !== step.y) {
        node.position(step.x, step.y);
      }
      if (node.portNames === names) return;
      node.portNames = names;
      node.removePorts();
      node.addPorts(
        ports.map((port) => ({
          id: port,
          group: "out",
          attrs: { text: { text: port === "next" ? "" : this.portLabel(port), class: "jm-port-label" } },
        })),
      );
    }

    portLabel(port) {
      return this.texts.ports[port] ?? port;
    }

    showLink({ from, port, to }) {
      const id = `${from}:${port}`;
      const [source, target] = [{ cell: from, port }, { cell: to }];
      const edge = this.drawing.getCellById(id);
      if (!edge) this.drawing.addEdge({ ...this.arrow(), id, source, target });
      else if (edge.getTargetCellId() !== to) edge.setTarget(target);
      // A library event puts the arrow back on the side of the target that was dropped on.
      else if (JSON.stringify(edge.getTarget()) !== JSON.stringify(target)) edge.setTarget(target);
    }

    card(step) {
      const kind = this.kinds[step.kind] ?? { label: step.kind, icon: "help" };
      const card = element(
        "div",
        { class: "jm-card", tabindex: 0, role: "button", "data-step": step.id, "data-kind": step.kind },
        element("span", { class: "jm-sign" }, icon(kind.icon)),
        element("span", { class: "jm-kind" }, kind.label),
        element("span", { class: "jm-trouble", hidden: true }, icon("error")),
        element("span", { class: "jm-words" }),
        element(
          "span",
          { class: "jm-counts" },
          element("span", { class: "jm-here" }),
          element("span", { class: "jm-passed" }),
        ),
      );
      return card;
    }

    /* What the server says of the steps: {id: {words, problems: [...]}}. */
    describe(steps) {
      for (const [id, card] of this.cards) {
        const { words = "", problems = [] } = steps[id] ?? {};
        const kind = this.kinds[card.dataset.kind]?.label ?? "";
        const holder = card.querySelector(".jm-words");
        holder.textContent = words || "…";
        holder.title = words;
        const trouble = card.querySelector(".jm-trouble");
        trouble.hidden = !problems.length;
        trouble.title = problems.join("\n");
        card.classList.toggle("is-wrong", problems.length > 0);
        card.setAttribute("aria-label", [kind, words, ...problems].filter(Boolean).join(". "));
      }
    }

    /* Live counts: {id: {here, passed}}; null where nobody travels yet. */
    count(steps) {
      for (const [id, card] of this.cards) {
        const { here = "", passed = "", busy = false } = steps?.[id] ?? {};
        card.querySelector(".jm-here").textContent = here === "" ? "" : fill(this.texts.here, { n: here });
        card.querySelector(".jm-passed").textContent = passed === "" ? "" : fill(this.texts.passed, { n: passed });
        card.classList.toggle("is-busy", busy);
        card.classList.toggle("is-counted", here !== "");
      }
    }

    /* Steps in the order in which a test run came by; an empty list clears it. */
    trace(ids) {
      for (const [id, card] of this.cards) {
        card.classList.toggle("is-visited", ids.includes(id));
        card.classList.toggle("is-bypassed", ids.length > 0 && !ids.includes(id));
      }
    }

    select(id) {
      this.selected = id;
      for (const [other, card] of this.cards) {
        card.classList.toggle("is-selected", other === id);
        card.setAttribute("aria-pressed", String(other === id));
      }
    }

    focus(id) {
      this.cards.get(id)?.focus({ preventScroll: true });
    }

    /* Pans until a step is wholly seen. */
    reveal(id) {
      const node = this.drawing.getCellById(id);
      if (!node) return;
      const seen = this.drawing.localToGraph(node.getBBox());
      const { x, y } = panToShow(seen, this.box.getBoundingClientRect());
      this.drawing.translateBy(x, y);
    }

    /* --- view ---------------------------------------------------------------------------- */

    /* The dots of the ground move with the drawing. */
    viewChanged() {
      const zoom = this.drawing.zoom();
      const { tx, ty } = this.drawing.translate();
      const ground = this.box.parentElement.style;
      ground.setProperty("--jm-grid", `${20 * zoom}px`);
      ground.setProperty("--jm-pan", `${tx}px ${ty}px`);
      this.on.zoom(zoom);
    }

    zoom(by) {
      this.drawing.zoom(by, { minScale: ZOOM.least, maxScale: ZOOM.most });
    }

    /* All of the drawing, but never smaller than `least`. */
    fit(least = ZOOM.least) {
      const places = this.drawing.getNodes().map((node) => node.position());
      if (!places.length) return;
      const { scale, x, y } = fitAll(places, this.box.getBoundingClientRect(), least, this.entryMiddle());
      this.drawing.zoomTo(scale);
      this.drawing.translate(x, y);
    }

    entryMiddle() {
      const entry = this.drawing.getNodes().find((node) => this.kindOf(node.id) === "entry");
      return entry && entry.position().x + CARD.width / 2;
    }

    /* Where to put a card that is dropped: the pointer is in its middle. */
    placeOf(event) {
      return cornerAround(this.drawing.clientToLocal(event.clientX, event.clientY));
    }

    arranged(graph) {
      return arrange(graph, CARD, GAP);
    }
  }

  Object.assign(window.JourneyCanvas, { Diagram });
})();
