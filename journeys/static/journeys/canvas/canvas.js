/* The canvas of a journey map: joins the graph, its drawing, the forms beside it and the server.
 *
 * The graph is the truth. Each change of it is drawn, and asked about: the server alone says in words
 * what a step does and what is wrong, here as well as when the map is saved or launched.
 */
"use strict";

(() => {
  const { MapGraph, Diagram, StepForm, RuleDialog, Overview, TestRun, Server } = window.JourneyCanvas;
  const { element, button } = window.JourneyCanvas;
  const DEBOUNCE_MS = 250;
  const READABLE = 0.75; // zoom below which words are hard to read
  const COUNT_EVERY_MS = 10_000;

  class Canvas {
    constructor(root) {
      this.root = root;
      Object.assign(this, JSON.parse(document.getElementById("canvas-data").textContent));
      const token = root.querySelector("[name=csrfmiddlewaretoken]").value;
      this.part = (name) => root.querySelector(`[data-part="${name}"]`);
      this.server = new Server({ urls: this.urls, token, texts: this.texts });
      this.graph = new MapGraph(this.drawn);
      this.described = {};
      this.makeParts();
      this.listen();
      this.listVersions(this.versions, this.shown);
      this.diagram.show(this.graph);
      this.diagram.fit(READABLE);
      this.graphChanged();
      this.count();
      setInterval(() => this.count(), COUNT_EVERY_MS);
    }

    makeParts() {
      const { kinds, texts, classes, isEditable, server } = this;
      const connect = (from, port, to) => this.graph.connect(from, port, to);
      const mayLead = (from, to) => this.graph.mayLead(from, to);
      const remove = (id) => this.remove(id);
      const toStep = (id) => this.select(id, { reveal: true });
      const zoom = (by) => (this.part("zoom").textContent = `${Math.round(100 * by)} %`);
      const move = (places) => this.graph.place(places);
      const on = { select: (id, toForm) => this.select(id, { toForm }), move, mayLead, connect, remove, zoom };
      this.diagram = new Diagram(this.part("drawing"), { kinds, texts, isEditable, on });
      this.rules = new RuleDialog(this.part("rule-dialog"));
      this.form = new StepForm(this.part("step"), {
        kinds,
        texts,
        classes,
        isEditable,
        on: {
          change: (id, settings) => this.graph.set(id, settings),
          connect,
          remove,
          editRule: (rule, title) => this.rules.edit(rule, title),
          nameOf: (step) => this.nameOf(step),
        },
      });
      this.overview = new Overview(this.part("map"), { texts, onStep: toStep });
      this.test = new TestRun(this.part("test"), {
        texts,
        classes,
        server,
        graphNow: () => this.graph.now,
        onTrace: (ids) => this.diagram.trace(ids),
        onStep: toStep,
      });
    }

    listen() {
      const { root, graph, diagram } = this;
      graph.addEventListener("change", () => this.graphChanged());
      const acts = {
        undo: () => graph.undo(),
        redo: () => graph.redo(),
        "zoom-in": () => diagram.zoom(0.15),
        "zoom-out": () => diagram.zoom(-0.15),
        fit: () => diagram.fit(),
        arrange: () => {
          graph.place(diagram.arranged(graph));
          diagram.fit(READABLE);
        },
        save: () => this.save(),
        launch: () => this.confirm("launch"),
        pause: () => this.confirm("pause"),
        end: () => this.confirm("end"),
      };
      root.addEventListener("click", (event) => {
        const act = event.target.closest("[data-act]");
        if (act && !act.disabled) acts[act.dataset.act]();
        const tab = event.target.closest("[data-tab]");
        if (tab) this.open(tab.dataset.tab);
        const kind = event.target.closest("[data-add]");
        if (kind) this.add(kind.dataset.add, { after: this.selected });
      });
      document.addEventListener("keydown", (event) => this.key(event, acts));
      this.part("version").addEventListener(
        "change",
        (event) => (window.location.search = `?version=${event.target.value}`),
      );
      for (const one of root.querySelectorAll("[data-add]")) {
        one.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/plain", one.dataset.add));
      }
      const stage = this.part("stage");
      stage.addEventListener("dragover", (event) => event.preventDefault());
      stage.addEventListener("drop", (event) => {
        event.preventDefault();
        const kind = event.dataTransfer.getData("text/plain");
        if (this.isEditable && kind in this.kinds) this.add(kind, { at: diagram.placeOf(event) });
      });
      window.addEventListener("beforeunload", (event) => {
        if (graph.isChanged) event.preventDefault();
      });
      document.addEventListener("visibilitychange", () => document.hidden || this.count());
    }

    key(event, acts) {
      const letter = event.key.toLowerCase();
      if (event.key === "Escape" && this.selected && !event.target.closest("dialog")) {
        const id = this.selected;
        this.select(null);
        this.diagram.focus(id);
      }
      if (!(event.ctrlKey || event.metaKey) || event.target.closest("dialog")) return;
      const isTyping = event.target.matches("input:not([type=checkbox]), textarea");
      if (letter === "s") this.save();
      else if (letter === "z" && !isTyping) (event.shiftKey ? acts.redo : acts.undo)();
      else if (letter === "y" && !isTyping) acts.redo();
      else return;
      event.preventDefault();
    }

    listVersions(versions, shown) {
      const choice = this.part("version");
      const option = ({ number, words }) => element("option", { value: number, selected: number === shown }, words);
      choice.replaceChildren(...versions.map(option));
      choice.hidden = !versions.length;
      this.overview.list(versions);
    }

    /* --- editing ------------------------------------------------------------------------- */

    add(kind, place) {
      const id = this.graph.add(kind, this.kinds[kind].start, place);
      this.select(id, { reveal: !place.at, toForm: true });
    }

    remove(id) {
      const before = this.graph.links.find((link) => link.to === id)?.from;
      this.select(null);
      this.graph.remove(id);
      if (before) this.diagram.focus(before);
    }

    select(id, { reveal = false, toForm = false } = {}) {
      this.selected = this.graph.step(id) ? id : null;
      this.diagram.select(this.selected);
      this.form.show(this.graph, this.selected);
      this.part("no-step").hidden = this.selected !== null;
      if (this.selected) this.open("step");
      if (!this.selected) return;
      if (reveal) this.diagram.reveal(this.selected);
      if (toForm) this.part("step").querySelector("select, input, button")?.focus();
      else this.diagram.focus(this.selected);
    }

    open(name) {
      for (const tab of this.root.querySelectorAll("[data-tab]")) {
        tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
        this.part(`tab-${tab.dataset.tab}`).hidden = tab.dataset.tab !== name;
      }
    }

    nameOf(step) {
      return this.described[step.id]?.words ?? this.kinds[step.kind]?.label ?? step.kind;
    }

    graphChanged() {
      const { graph, diagram } = this;
      diagram.show(graph);
      if (this.selected && !graph.step(this.selected)) this.select(null);
      diagram.select(this.selected);
      this.form.show(graph, this.selected);
      const set = (name, on) => (this.root.querySelector(`[data-act="${name}"]`).disabled = !on);
      set("undo", graph.past.length > 0);
      set("redo", graph.future.length > 0);
      if (this.isEditable) set("save", graph.isChanged && !this.saving);
      this.part("empty").hidden = graph.steps.length > 0;
      this.part("state").textContent = graph.isChanged ? this.texts.unsaved : this.savedWords;
      this.part("state").classList.toggle("is-changed", graph.isChanged);
      clearTimeout(this.checkTimer);
      this.checkTimer = setTimeout(() => this.check(), DEBOUNCE_MS);
    }

    /* --- asking the server --------------------------------------------------------------- */

    async check() {
      this.checking?.abort();
      this.checking = new AbortController();
      const answer = await this.server.ask("check", { graph: this.graph.now }, this.checking.signal);
      if (answer.aborted) return;
      if (!answer.ok) return this.say(answer.text, "alarm");
      this.show(answer);
    }

    show({ steps, problems }) {
      this.described = steps;
      this.diagram.describe(steps);
      this.form.describe(steps);
      this.overview.describe(problems);
      const n = this.part("n-problems");
      n.hidden = !problems.length;
      n.textContent = problems.length;
    }

    async count() {
      if (document.hidden || !this.urls.counts) return;
      const answer = await this.server.ask("counts");
      if (!answer.ok) return;
      this.diagram.count(answer.steps);
      this.overview.count(answer.figures);
    }

    /* `base` is the state of the server that this drawing began from; another's save in between
     * is refused, and told with what can be done about it. */
    async save(base = this.base) {
      if (!this.isEditable || this.saving) return null;
      const state = this.graph.now;
      this.saving = true;
      this.graphChanged();
      const answer = await this.server.ask("save", { graph: state, base });
      this.saving = false;
      this.graphChanged();
      if (answer.status === 409) {
        this.say(answer.text, "alarm", [
          [this.texts.seeTheirs, () => window.open(window.location.pathname, "_blank", "noopener")],
          [this.texts.saveMine, () => this.save(answer.base)],
        ]);
      } else if (!answer.ok) this.say(answer.text, "alarm");
      else {
        this.base = answer.base;
        this.savedWords = answer.saved;
        this.listVersions(answer.versions, answer.versions[0].number);
        this.graph.markSaved(state);
        this.show(answer);
        this.say(answer.text, answer.problems.length ? "warning" : "good");
      }
      return answer;
    }

    /* Asks once more, saves what is not saved, then does it. */
    async confirm(act) {
      if (act === "launch" && this.graph.isChanged) {
        const saved = await this.save();
        if (!saved?.ok) return;
      }
      const dialog = this.part(`${act}-dialog`);
      dialog.returnValue = "";
      dialog.showModal();
      dialog.addEventListener("close", () => dialog.returnValue === "yes" && this.act(act), { once: true });
    }

    async act(act) {
      const answer = await this.server.ask(act, { base: this.base });
      if (answer.ok) return window.location.assign(window.location.pathname);
      if (answer.problems) this.show(answer);
      this.say(answer.text, "alarm");
      if (answer.problems?.length) this.open("map");
    }

    /* A sentence above the drawing, with what can be done about it. */
    say(text, tone, acts = []) {
      const box = this.part("message");
      const close = button("close", this.texts.close, () => (box.hidden = true), { isIcon: true });
      const made = acts.map(([label, act]) => {
        const one = element("button", { type: "button", class: "jm-button" }, label);
        one.addEventListener("click", () => {
          box.hidden = true;
          act();
        });
        return one;
      });
      box.className = `jm-message ${tone}`;
      box.replaceChildren(element("span", {}, text), ...made, close);
      box.hidden = false;
      clearTimeout(this.messageTimer);
      const shownFor = { good: 4000, warning: 8000 }[tone]; // what went wrong stays
      if (shownFor) this.messageTimer = setTimeout(() => (box.hidden = true), shownFor);
    }
  }

  new Canvas(document.getElementById("canvas"));
})();
