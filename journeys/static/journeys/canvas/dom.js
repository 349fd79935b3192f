/* Small helpers that the parts of the canvas share. */
"use strict";

window.JourneyCanvas = (() => {
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  function icon(name) {
    return element("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);
  }

  function button(sign, label, act, { isIcon = false, ...attributes } = {}) {
    const made = element("button", { type: "button", class: "jm-button", title: isIcon ? label : null, ...attributes });
    made.append(icon(sign));
    if (isIcon) made.setAttribute("aria-label", label);
    else made.append(label);
    made.addEventListener("click", act);
    return made;
  }

  /* Options of a select for [value, label] pairs whose values may be of any JSON type: the value
   * of an option is the number of its pair. */
  function select(pairs, chosen, attributes = {}) {
    const made = element("select", attributes);
    pairs.forEach(([value, label], i) => {
      const option = element("option", { value: i }, label);
      option.selected = value === chosen;
      made.append(option);
    });
    made.chosen = () => pairs[made.selectedIndex]?.[0];
    return made;
  }

  return { element, icon, button, select };
})();
