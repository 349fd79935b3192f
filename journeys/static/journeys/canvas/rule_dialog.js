/* The rule editor of target groups in a dialog, for the rules of entries and splits. */
"use strict";

(() => {
  class RuleDialog {
    constructor(dialog) {
      this.dialog = dialog;
      this.template = dialog.querySelector("template");
      this.holder = dialog.querySelector("[data-holder]");
      this.title = dialog.querySelector("h2");
    }

    /* The rule as it was left by "Use this rule", or null where it was closed. */
    edit(rule, title) {
      this.title.textContent = title;
      this.holder.replaceChildren(this.template.content.cloneNode(true));
      const root = this.holder.querySelector("[data-rule-editor]");
      const area = root.querySelector("textarea");
      area.value = JSON.stringify(rule);
      this.dialog.showModal();
      window.layRuleEditor(root);
      return new Promise((resolve) => {
        const closed = () => {
          const held = this.dialog.returnValue === "use" ? JSON.parse(area.value || "{}") : null;
          this.holder.replaceChildren();
          resolve(held);
        };
        this.dialog.returnValue = "";
        this.dialog.addEventListener("close", closed, { once: true });
      });
    }
  }

  Object.assign(window.JourneyCanvas, { RuleDialog });
})();
