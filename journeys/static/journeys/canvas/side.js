/* The other two tabs beside the drawing: the map as a whole, and the test run of one customer. */
"use strict";

(() => {
  const { element, icon, button } = window.JourneyCanvas;

  /* What is wrong with the map, what it did so far, and its versions. */
  class Overview {
    constructor(box, { texts, onStep }) {
      Object.assign(this, { box, texts, onStep });
      this.problems = box.querySelector("[data-problems]");
      this.figures = box.querySelector("[data-figures]");
      this.versions = box.querySelector("[data-versions]");
    }

    describe(problems) {
      const items = problems.map(({ step, text }) => {
        if (!step) return element("li", {}, icon("error"), element("span", {}, text));
        const link = element("button", { type: "button" }, text);
        link.addEventListener("click", () => this.onStep(step));
        return element("li", {}, icon("error"), link);
      });
      if (!items.length) items.push(element("li", { class: "is-good" }, icon("check_circle"), this.texts.noProblem));
      this.problems.replaceChildren(...items);
    }

    /* [{number, words, made}], the newest first. */
    list(versions) {
      this.versions.replaceChildren(
        ...versions.map(({ number, words, made }) =>
          element("li", {}, element("a", { href: `?version=${number}` }, words), element("p", { class: "jm-help" }, made)),
        ),
      );
    }

    count(figures) {
      this.figures.replaceChildren(...figures.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)]));
    }
  }

  /* "What would happen, when" for one customer, on the drawing as it is now. */
  class TestRun {
    constructor(box, { texts, server, graphNow, onTrace, onStep }) {
      Object.assign(this, { box, texts, server, graphNow, onTrace, onStep });
      this.form = box.querySelector("form");
      this.result = box.querySelector("[data-result]");
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.run();
      });
    }

    async run() {
      this.box.setAttribute("aria-busy", "true");
      const { customer, at } = this.form.elements;
      const asked = { graph: this.graphNow(), customer: customer.value.trim(), at: at.value };
      const answer = await this.server.ask("testRun", asked);
      this.box.removeAttribute("aria-busy");
      if (!answer.ok) {
        this.result.replaceChildren(element("p", { class: "jm-wrong" }, icon("error"), answer.text));
        this.onTrace([]);
        return;
      }
      const items = answer.moments.map(({ step, at, words, note }) => {
        const open = element("button", { type: "button" }, words);
        open.addEventListener("click", () => this.onStep(step));
        return element(
          "li",
          {},
          element("time", {}, at),
          step ? open : element("span", {}, words),
          ...(note ? [element("p", { class: "jm-help" }, note)] : []),
        );
      });
      const clear = button("close", this.texts.clearTest, () => {
        this.result.replaceChildren();
        this.onTrace([]);
      });
      this.result.replaceChildren(
        element("p", { class: "jm-help" }, answer.text),
        element("ol", { class: "jm-timeline" }, ...items),
        clear,
      );
      this.onTrace(answer.moments.map(({ step }) => step).filter(Boolean));
    }
  }

  Object.assign(window.JourneyCanvas, { Overview, TestRun });
})();
