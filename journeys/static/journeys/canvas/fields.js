/* One input per type of setting. Each maker gives {element, read, control}: `read` is the value in the
 * graph's own form, `undefined` where the setting is to be left out.
 */
"use strict";

(() => {
  const { element, button, select, fill, MINUTES, numberIn, freeLetter } = window.JourneyCanvas;
  const { durationShown, durationRead, sharesShown, sharesRead } = window.JourneyCanvas;
  let n_lists = 0;

  function input(classes, attributes) {
    return element("input", { class: classes.input, autocomplete: "off", ...attributes });
  }

  const makers = {
    choice({ choices, blank, page }, value, { classes, texts }) {
      const pairs = blank === undefined ? [...choices] : [[null, blank], ...choices];
      const known = pairs.some(([one]) => one === (value ?? null));
      if (!known)
        pairs.unshift([
          value ?? null,
          value === undefined || value === null ? texts.missing : fill(texts.gone, { value }),
        ]);
      const made = select(pairs, value ?? null, { class: classes.select });
      const control = { control: made, read: () => made.chosen() };
      if (!page || !known || value === null || value === undefined) return { element: made, ...control };
      // What is chosen has a page of its own, which opens beside the canvas.
      const link = element(
        "a",
        { href: page.replace("/0/", `/${value}/`), target: "_blank", class: "jm-open" },
        texts.openPage,
      );
      return { element: element("div", {}, made, link), ...control };
    },

    text({ suggestions = [] }, value, { classes }) {
      const made = input(classes, { type: "text" });
      made.value = value ?? "";
      // A number or a yes that was there stays what it was, until somebody writes something else.
      const read = () => (made.value === String(value ?? "") ? (value ?? "") : made.value.trim());
      if (!suggestions.length) return { element: made, control: made, read };
      const list = element("datalist", { id: `jm-suggestions-${++n_lists}` });
      for (const [name, label] of suggestions) list.append(element("option", { value: name }, label));
      made.setAttribute("list", list.id);
      return { element: element("div", {}, made, list), control: made, read };
    },

    time(_field, value, { classes }) {
      const made = input(classes, { type: "time" });
      made.value = value ?? "";
      return { element: made, control: made, read: () => made.value || null };
    },

    integer(_field, value, { classes }) {
      const made = input(classes, { type: "text", inputmode: "numeric" });
      made.value = value ?? "";
      return { element: made, control: made, read: () => numberIn(made.value) };
    },

    boolean({ label }, value) {
      const made = element("input", { type: "checkbox" });
      made.checked = value === true;
      return {
        element: element("label", { class: "jm-check" }, made, label),
        control: made,
        read: () => made.checked,
        isLabelled: true,
      };
    },

    /* Whole days and hours are shown as such; the graph holds minutes, or null for the blank. */
    duration({ blank }, value, { classes, texts }) {
      const [shown, unit] = durationShown(value);
      const number = input(classes, { type: "text", inputmode: "numeric", placeholder: blank ?? null });
      number.value = shown;
      const units = select(
        Object.keys(MINUTES).map((name) => [name, texts.units[name]]),
        unit,
        {
          class: classes.select,
          "aria-label": texts.unit,
        },
      );
      const read = () => durationRead(number.value, units.chosen());
      return { element: element("div", { class: "jm-pair" }, number, units), control: number, read };
    },

    /* A share per branch, in per cent on the page. */
    shares(_field, value, page) {
      return rows(sharesShown(value ?? {}), true, page, sharesRead);
    },

    branches(_field, value, page) {
      const entries = (value ?? []).map((name) => [name]);
      return rows(entries, false, page, (list) => list.map(([name]) => name));
    },
  };

  /* A list of named branches, each with a share of customers if `hasShare`. */
  function rows(entries, hasShare, { classes, texts, changed }, read) {
    const list = element("ul", { class: "jm-rows" });
    const add = (entry) => {
      const name = input(classes, { type: "text", "aria-label": texts.branch, maxlength: 30 });
      name.value = entry[0];
      const row = element("li", { class: "jm-pair" }, name);
      if (hasShare) {
        const share = input(classes, { type: "text", inputmode: "decimal", "aria-label": texts.share });
        share.value = entry[1] ?? "";
        row.append(share, "%");
      }
      const drop = () => {
        row.remove();
        changed();
      };
      row.append(button("close", texts.removeBranch, drop, { isIcon: true }));
      list.append(row);
      return name;
    };
    for (const entry of entries) add(entry);
    const values = () =>
      [...list.children].map((row) => {
        const [name, share] = row.querySelectorAll("input");
        return share ? [name.value.trim(), numberIn(share.value)] : [name.value.trim()];
      });
    const more = button("add", texts.addBranch, () => {
      const letter = freeLetter(values().map(([name]) => name));
      add(hasShare ? [letter, 0] : [letter]).focus();
      changed();
    });
    return { element: element("div", {}, list, more), control: list, read: () => read(values()) };
  }

  Object.assign(window.JourneyCanvas, { makers });
})();
