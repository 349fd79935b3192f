/* The side panel's form for one step: the fields that the server names for its kind, and where each
 * of its ports leads. Everything that can be drawn can be chosen here too, without a mouse.
 */
"use strict";

(() => {
  const { element, icon, button, select, makers, portsOf, isFitting } = window.JourneyCanvas;
  let n_ids = 0;

  class StepForm {
    constructor(box, { kinds, texts, classes, isEditable, on }) {
      Object.assign(this, { box, kinds, texts, classes, isEditable, on });
      this.id = null;
      this.naming = []; // what writes the names of other steps anew
    }

    /* Builds the form anew, unless it shows the step already just as it is. */
    show(graph, id) {
      const step = graph.step(id);
      const shown = JSON.stringify([
        step,
        graph.links.filter((link) => link.from === id),
        graph.steps.map((one) => one.id),
      ]);
      if (shown === this.shown) return;
      const focused = this.id === id ? this.box.querySelector(":focus")?.dataset.field : null;
      this.shown = shown;
      this.id = id;
      this.box.replaceChildren();
      this.naming = [];
      if (!step) return;
      this.build(graph, step);
      this.describe(this.described ?? {});
      if (focused) this.box.querySelector(`[data-field="${CSS.escape(focused)}"]`)?.focus();
    }

    build(graph, step) {
      const kind = this.kinds[step.kind] ?? { label: step.kind, icon: "help", help: "", fields: [] };
      this.problems = element("ul", { class: "jm-problems", role: "alert" });
      this.box.append(
        element(
          "h2",
          { class: "jm-title", "data-kind": step.kind },
          element("span", { class: "jm-sign" }, icon(kind.icon)),
          kind.label,
        ),
        element("p", { class: "jm-help" }, kind.help),
        this.problems,
      );
      const held = element("fieldset", { disabled: !this.isEditable });
      this.fields = kind.fields.map((field) => this.field(field, step));
      held.append(...this.fields.map((field) => field.row));
      this.showFitting();
      const ports = portsOf(step);
      if (ports.length) {
        held.append(element("h3", {}, this.texts.then));
        for (const port of ports) held.append(this.next(graph, step, port));
      }
      this.box.append(held);
      if (this.isEditable) {
        this.box.append(
          element(
            "div",
            { class: "jm-foot" },
            button("delete", this.texts.remove, () => this.on.remove(step.id), { class: "jm-button danger" }),
          ),
        );
      }
    }

    field(field, step) {
      const value = field.name in step ? step[field.name] : field.default;
      const page = { classes: this.classes, texts: this.texts, changed: () => this.changed() };
      const made = field.type === "rule" ? this.rule(field, value) : makers[field.type](field, value, page);
      const id = `jm-field-${++n_ids}`;
      made.control.id = id;
      made.control.dataset.field = field.name;
      const row = element("div", { class: "jm-field", "data-name": field.name });
      if (field.type === "rule") row.append(element("p", { class: "jm-label" }, field.label));
      else if (!made.isLabelled) row.append(element("label", { class: "jm-label", for: id }, field.label));
      row.append(made.element);
      if (field.help) {
        row.append(element("p", { class: "jm-help", id: `${id}-help` }, field.help));
        made.control.setAttribute("aria-describedby", `${id}-help`);
      }
      row.addEventListener("change", () => this.changed());
      return { ...field, ...made, row };
    }

    rule(field, value) {
      let rule = value ?? {};
      const isEmpty = () => !Object.keys(rule).length;
      const words = element("span", {}, isEmpty() ? this.texts.noRule : this.texts.hasRule);
      const edit = button("tune", this.texts.editRule, async () => {
        const changed = await this.on.editRule(rule, field.label);
        if (changed === null) return;
        rule = changed;
        words.textContent = isEmpty() ? this.texts.noRule : this.texts.hasRule;
        this.changed();
      });
      return { element: element("div", { class: "jm-rule" }, words, edit), control: edit, read: () => rule };
    }

    /* A field is there where what it hangs on has been chosen: {"by": "event"}. */
    showFitting() {
      const values = {};
      for (const field of this.fields) {
        const fits = isFitting(field.when, values);
        field.row.hidden = !fits;
        if (fits) values[field.name] = field.read();
      }
      return values;
    }

    changed() {
      const values = this.showFitting();
      for (const name of Object.keys(values)) if (values[name] === undefined) delete values[name];
      this.on.change(this.id, values);
    }

    next(graph, step, port) {
      const id = `jm-field-${++n_ids}`;
      const others = graph.steps.filter((other) => graph.mayLead(step.id, other.id));
      const pairs = [[null, this.texts.endsHere], ...others.map((other) => [other.id, ""])];
      const to = graph.linkFrom(step.id, port)?.to ?? null;
      const choice = select(pairs, to, { class: this.classes.select, id, "data-field": `port ${port}` });
      choice.addEventListener("change", () => this.on.connect(step.id, port, choice.chosen()));
      const nameAll = () => {
        for (const [i, other] of others.entries()) choice.options[i + 1].textContent = this.on.nameOf(other);
      };
      this.naming.push(nameAll);
      return element(
        "div",
        { class: "jm-field" },
        element(
          "label",
          { class: "jm-label", for: id },
          port === "next" ? this.texts.nextStep : (this.texts.ports[port] ?? port),
        ),
        choice,
      );
    }

    /* The problems of the step that is shown, and the words of those that it can lead to. */
    describe(steps) {
      this.described = steps;
      for (const nameAll of this.naming) nameAll();
      if (!this.id) return;
      this.problems?.replaceChildren(
        ...(steps[this.id]?.problems ?? []).map((text) => element("li", {}, icon("error"), text)),
      );
    }
  }

  Object.assign(window.JourneyCanvas, { StepForm });
})();
