/* The other two tabs beside the drawing: the map as a whole, and the test run of one customer. */
"use strict";

(() => {
  const { element, icon, button, select } = window.JourneyCanvas;

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
          element(
            "li",
            {},
            element("a", { href: `?version=${number}` }, words),
            element("p", { class: "jm-help" }, made),
          ),
        ),
      );
    }

    count(figures) {
      this.figures.replaceChildren(
        ...figures.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)]),
      );
    }
  }

  /* "What would happen, when" for one customer, on the drawing as it is now. At steps that could go
   * otherwise one can choose so, and the run is made again. */
  class TestRun {
    constructor(box, { texts, classes, server, graphNow, onTrace, onStep }) {
      Object.assign(this, { box, texts, classes, server, graphNow, onTrace, onStep });
      this.form = box.querySelector("form");
      this.result = box.querySelector("[data-result]");
      this.answers = {};
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.answers = {};
        this.run();
      });
    }

    async run() {
      this.box.setAttribute("aria-busy", "true");
      const { customer, at } = this.form.elements;
      const asked = { graph: this.graphNow(), customer: customer.value.trim(), at: at.value, answers: this.answers };
      const answer = await this.server.ask("rehearse", asked);
      this.box.removeAttribute("aria-busy");
      if (!answer.ok) {
        this.result.replaceChildren(element("p", { class: "jm-wrong" }, icon("error"), answer.text));
        this.onTrace([]);
        return;
      }
      this.result.replaceChildren(
        element("p", { class: "jm-help" }, answer.text),
        element("ol", { class: "jm-timeline" }, ...answer.moments.map((moment) => this.moment(moment))),
        button("close", this.texts.clearTest, () => {
          this.result.replaceChildren();
          this.onTrace([]);
        }),
      );
      this.onTrace(answer.moments.map(({ step }) => step));
    }

    moment({ step, at, words, note, messages, choices }) {
      const open = element("button", { type: "button" }, words);
      open.addEventListener("click", () => this.onStep(step));
      const made = element("li", {}, element("time", {}, at), open);
      if (note) made.append(element("p", { class: "jm-help" }, note));
      for (const message of messages) {
        made.append(element("p", { class: "jm-message-line" }, icon("mail"), message.words));
        for (const limit of message.limits) made.append(element("p", { class: "jm-wrong" }, icon("block"), limit));
      }
      if (choices.length) {
        const pairs = [[undefined, this.texts.asItStands], ...choices];
        const choice = select(pairs, this.answers[step], {
          class: this.classes.select,
          "aria-label": this.texts.whatIf,
        });
        choice.addEventListener("change", () => {
          this.answers[step] = choice.chosen();
          this.run();
        });
        made.append(element("label", { class: "jm-what-if" }, this.texts.whatIf, choice));
      }
      return made;
    }
  }

  Object.assign(window.JourneyCanvas, { Overview, TestRun });
})();
