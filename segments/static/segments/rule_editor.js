/* The rule editor: lays groups and conditions over a text area that holds the rule as JSON.
 *
 * What is shown is the truth: every change reads the rule from the page, writes it to the text
 * area and asks the server for the count and the rule in words. The server alone judges a rule;
 * its answer names the place of a problem by the path that `read` noted on the elements.
 * Without this script the text area is there to be filled by hand.
 */
"use strict";

(() => {
  const DEBOUNCE_MS = 300;
  const { KINDS, OTHER, isGroup, openGroup, closeGroup, placeInside, innermost } = window.RuleTree;
  const { typeOf, parseValue, parseLines, groupFields } = window.RuleTree;
  let n_ids = 0;

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function options(pairs, chosen) {
    return pairs.map(([value, label]) => {
      const option = element("option", { value }, label);
      option.selected = String(value) === String(chosen);
      return option;
    });
  }

  class RuleEditor {
    constructor(root) {
      this.root = root;
      this.source = root.querySelector("textarea");
      Object.assign(this, JSON.parse(root.querySelector("script").textContent));
      this.byName = new Map(this.fields.map((field) => [field.name, field]));
      const rule = JSON.parse(this.source.value.trim() || "{}");
      if (rule === null || typeof rule !== "object" || Array.isArray(rule)) return;

      this.top = this.group(rule, true);
      this.count = element("p", { class: "rule-count", role: "status" });
      this.words = element("p", { class: "rule-words" });
      this.problem = element("p", { class: "rule-problem", role: "alert" });
      root.append(this.top, this.problem, element("div", { class: "rule-result" }, this.count, this.words));
      this.source.hidden = true;
      root.addEventListener("input", () => this.changed());
      root.addEventListener("keydown", (event) => {
        // Enter in a value would send the form half-way through a rule.
        if (event.key === "Enter" && event.target.matches("input")) event.preventDefault();
      });
      this.changed(0);
    }

    /* --- building ------------------------------------------------------------------------ */

    group(rule, isTop = false) {
      const { kind, parts } = openGroup(rule);
      const choice = element("select", { class: this.classes.select, "aria-label": this.texts.group });
      choice.append(
        ...options(
          KINDS.map((name) => [name, this.texts[name]]),
          kind,
        ),
      );
      const items = element("ul", { class: "rule-parts" });
      const empty = element("p", { class: "rule-empty" }, this.texts.everyone);
      const addCondition = this.button("add", this.texts.addCondition, () => this.add(items, { field: "" }));
      const addGroup = this.button("library_add", this.texts.addGroup, () => this.add(items, { all: [{ field: "" }] }));
      const head = element("div", { class: "rule-head" }, choice);
      const made = element(
        "div",
        { class: "rule-group", role: "group", "aria-label": this.texts.group },
        head,
        items,
        ...(isTop ? [empty] : []),
        element("div", { class: "rule-buttons" }, addCondition, addGroup),
        element("p", { class: "rule-problem", id: `rule-problem-${++n_ids}` }),
      );
      if (!isTop) head.append(this.button("close", this.texts.removeGroup, () => this.remove(made), true));
      for (const part of parts) items.append(this.item(part));

      made.read = (place) => {
        made.dataset.place = place.join("/");
        const inside = placeInside(choice.value, place);
        made.dataset.inside = inside.join("/");
        const rules = [...items.children].map((item, i) => item.firstElementChild.read([...inside, i + 1]));
        empty.hidden = rules.length > 0;
        return closeGroup(choice.value, rules, { isTop });
      };
      return made;
    }

    item(rule) {
      return element("li", {}, isGroup(rule) ? this.group(rule) : this.condition(rule ?? {}));
    }

    condition(rule) {
      const field = element("select", { class: this.classes.select, "aria-label": this.texts.field });
      const other = element("input", {
        class: this.classes.input,
        placeholder: this.texts.attributeName,
        "aria-label": this.texts.attributeName,
      });
      const op = element("select", { class: this.classes.select, "aria-label": this.texts.op });
      const value = element("div", { class: "rule-value" });
      const made = element(
        "div",
        { class: "rule-condition", role: "group", "aria-label": this.texts.condition },
        element("div", { class: "rule-field" }, field, other),
        element("div", { class: "rule-op" }, op),
        value,
        this.button("close", this.texts.removeCondition, () => this.remove(made), true),
        element("p", { class: "rule-problem", id: `rule-problem-${++n_ids}` }),
      );
      let name = rule.field ?? "";
      const isOther = name.startsWith(OTHER) && !this.byName.has(name);
      if (isOther) other.value = name.slice(OTHER.length);
      this.fillFields(field, isOther ? OTHER : name);
      let readValue = () => undefined;

      const showValue = (old) => {
        readValue = this.valueInputs(value, this.typeOf(name, old), this.byName.get(name), op.value, old);
      };
      const showField = (oldOp, old) => {
        other.hidden = field.value !== OTHER;
        op.replaceChildren(...options(this.ops[this.typeOf(name, old)] ?? [], oldOp));
        op.hidden = !field.value;
        showValue(old);
      };
      const nameChosen = () => (field.value === OTHER ? OTHER + other.value.trim() : field.value);
      field.addEventListener("input", () => {
        name = nameChosen();
        showField(op.value, undefined);
      });
      other.addEventListener("input", () => (name = nameChosen()));
      op.addEventListener("input", () => showValue(readValue()));
      showField(rule.op, rule.value);

      made.read = (place) => {
        made.dataset.place = place.join("/");
        const held = readValue();
        const json = { field: name === OTHER ? "" : name, op: op.value };
        return held === undefined ? json : { ...json, value: held };
      };
      return made;
    }

    fillFields(select, chosen) {
      select.append(...options([["", this.texts.chooseField]], chosen));
      for (const [label, pairs] of groupFields(this.fields)) {
        select.append(element("optgroup", { label }, ...options(pairs, chosen)));
      }
      const strange = chosen && chosen !== OTHER && !this.byName.has(chosen) ? [[chosen, chosen]] : [];
      select.append(...options([[OTHER, this.texts.otherAttribute], ...strange], chosen));
    }

    typeOf(name, value) {
      return typeOf(name, value, this.byName.get(name));
    }

    /* Fills `holder` with inputs for a value; returns the function that reads it from them. */
    valueInputs(holder, type, field, op, old) {
      const first = Array.isArray(old) ? old[0] : old;
      const isList = op === "in" || op === "not_in";
      if (!op || op.startsWith("is_")) {
        holder.replaceChildren();
        return () => undefined;
      }
      if (type === "choice" && isList) {
        const chosen = new Set((Array.isArray(old) ? old : [old]).map(String));
        const boxes = field.choices.map(([value, label]) => {
          const box = element("input", { type: "checkbox" });
          box.checked = chosen.has(String(value));
          box.choice = value;
          return element("label", {}, box, label);
        });
        holder.replaceChildren(
          element("div", { class: "rule-choices", role: "group", "aria-label": this.texts.value }, ...boxes),
        );
        return () => [...holder.querySelectorAll("input:checked")].map((box) => box.choice);
      }
      if (type === "choice" || type === "boolean") {
        const pairs =
          type === "choice"
            ? field.choices
            : [
                [true, this.texts.yes],
                [false, this.texts.no],
              ];
        const select = element("select", { class: this.classes.select, "aria-label": this.texts.value });
        select.append(...options(pairs, first ?? pairs[0]?.[0]));
        if (first !== undefined && !pairs.some(([value]) => value === first)) {
          select.append(...options([[first, String(first)]], first)); // no longer a choice: the server says so
        }
        holder.replaceChildren(select);
        return () => pairs.find(([value]) => String(value) === select.value)?.[0] ?? first ?? null;
      }
      if (isList) {
        const area = element("textarea", {
          class: this.classes.input,
          rows: 3,
          placeholder: this.texts.onePerLine,
          "aria-label": `${this.texts.value}: ${this.texts.onePerLine}`,
        });
        area.value = (Array.isArray(old) ? old : [old ?? ""]).join("\n");
        holder.replaceChildren(area);
        return () => parseLines(area.value, type);
      }
      const input = (label, value) => {
        const made = element("input", { class: this.classes.input, "aria-label": label, autocomplete: "off" });
        if (type === "number") made.inputMode = "decimal";
        made.value = value ?? "";
        return made;
      };
      if (op === "between") {
        const low = input(this.texts.from, first);
        const high = input(this.texts.to, Array.isArray(old) ? old[1] : undefined);
        holder.replaceChildren(low, element("span", {}, this.texts.and), high);
        return () => [low, high].map((one) => parseValue(one.value, type));
      }
      const single = input(this.texts.value, first);
      holder.replaceChildren(single);
      if (type === "text" && field?.suggestions.length) {
        const list = element(
          "datalist",
          { id: `rule-suggestions-${++n_ids}` },
          ...options(field.suggestions.map((text) => [text, text])),
        );
        single.setAttribute("list", list.id);
        holder.append(list);
      }
      return () => parseValue(single.value, type);
    }

    button(icon, label, act, isIcon = false) {
      const sign = element("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, icon);
      const made = element("button", { type: "button", class: isIcon ? "rule-remove" : "rule-add" }, sign);
      if (isIcon) {
        made.title = label;
        made.setAttribute("aria-label", label);
      } else made.append(label);
      made.addEventListener("click", act);
      return made;
    }

    add(items, rule) {
      const item = this.item(rule);
      items.append(item);
      item.querySelector(".rule-condition select").focus();
      this.changed();
    }

    remove(part) {
      const group = part.parentElement.closest(".rule-group");
      part.parentElement.remove();
      group.querySelector(":scope > .rule-buttons > button").focus();
      this.changed();
    }

    /* --- asking the server --------------------------------------------------------------- */

    changed(wait = DEBOUNCE_MS) {
      this.source.value = JSON.stringify(this.top.read([]));
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), wait);
    }

    async ask() {
      this.asked?.abort();
      if (this.emptyIsNobody && this.source.value === "{}") return this.show({});
      const asked = new AbortController();
      this.asked = asked;
      this.root.setAttribute("aria-busy", "true");
      if (!this.count.textContent) this.count.textContent = this.texts.counting;
      try {
        const reply = await fetch(this.countUrl, {
          method: "POST",
          headers: {
            "Content-Type": "application/json",
            "X-CSRFToken": this.root.closest("form").elements.csrfmiddlewaretoken.value,
          },
          body: this.source.value,
          signal: asked.signal,
        });
        this.show(await reply.json());
      } catch (error) {
        if (error.name === "AbortError") return; // a newer question is on its way
        this.show({ count: this.texts.unreachable, words: "" });
      }
      this.root.removeAttribute("aria-busy");
    }

    show({ count = "", words = "", problem = "", place = [] }) {
      this.count.textContent = count;
      this.words.textContent = words;
      for (const part of this.root.querySelectorAll("[aria-invalid]")) {
        part.removeAttribute("aria-invalid");
        part.removeAttribute("aria-describedby");
      }
      for (const note of this.root.querySelectorAll(".rule-problem")) note.textContent = "";
      if (!problem) return;
      const at = this.partAt(place);
      const note = at && at !== this.top ? at.querySelector(":scope > .rule-problem") : this.problem;
      note.textContent = problem;
      if (!at?.matches(".rule-condition")) return;
      const holder = { field: ".rule-field", op: ".rule-op" }[place.at(-1)] ?? ".rule-value";
      for (const control of at.querySelectorAll(`${holder} :is(input, select, textarea)`)) {
        control.setAttribute("aria-invalid", "true");
        control.setAttribute("aria-describedby", note.id);
      }
    }

    /* The innermost group or condition on the way to a place. */
    partAt(place) {
      const parts = [...this.root.querySelectorAll("[data-place]")];
      const at = (path) => parts.find(({ dataset }) => dataset.place === path || dataset.inside === path);
      return innermost(place, at) ?? this.top;
    }
  }

  /* Also for pages that put an editor there later. */
  window.layRuleEditor = (root) => {
    try {
      new RuleEditor(root);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error; // no JSON: the text area stays
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const root of document.querySelectorAll("[data-rule-editor]")) window.layRuleEditor(root);
  });
})();
