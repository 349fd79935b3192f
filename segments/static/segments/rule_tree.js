/* A rule as the editor shows it: groups of parts, values of a type, the place of a problem.
 *
 * A group is one of four kinds: "all", "any", and the same two negated, {"not": {"all": [...]}}.
 * Nothing here knows the page.
 */
"use strict";

window.RuleTree = (() => {
  const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  const KINDS = ["all", "any", "not_all", "not_any"];
  const OTHER = "attribute."; // stands for an attribute that the list does not have

  function isGroup(rule) {
    return Boolean(rule) && ["all", "any", "not"].some((key) => key in rule);
  }

  /* {kind, parts} of the JSON of a group; a condition where a group is expected is its only part. */
  function openGroup(rule) {
    const isNegated = "not" in rule;
    const inner = isNegated ? (rule.not ?? {}) : rule;
    let kind = "any" in inner ? "any" : "all";
    if (isNegated) kind = "all" in inner ? "not_all" : "not_any";
    const list = inner.all ?? inner.any;
    if (Array.isArray(list)) return { kind, parts: list };
    return { kind, parts: Object.keys(inner).length ? [inner] : [] };
  }

  /* The JSON of a group; at the top no parts are no rule, which everybody meets. */
  function closeGroup(kind, parts, { isTop = false } = {}) {
    if (isTop && !parts.length) return {};
    return kind.startsWith("not_") ? { not: { [kind.slice(4)]: parts } } : { [kind]: parts };
  }

  /* Where the parts of a group are, as the server names places: ["all", 2] is its second part. */
  function placeInside(kind, place) {
    return kind.startsWith("not_") ? [...place, "not", kind.slice(4)] : [...place, kind];
  }

  /* The longest beginning of `place` for which `at` finds a part; `at` is given it joined by "/". */
  function innermost(place, at) {
    for (let n = place.length; n >= 0; n--) {
      const found = at(place.slice(0, n).join("/"));
      if (found) return found;
    }
    return undefined;
  }

  /* An attribute is a number or text as its rule has it; the other fields know what they are. */
  function typeOf(name, value, field) {
    const first = Array.isArray(value) ? value[0] : value;
    if (name.startsWith(OTHER) && typeof first === "string") return "text";
    if (name.startsWith(OTHER) && typeof first === "number") return "number";
    return field?.type ?? (name.startsWith("feature.") ? "number" : "text");
  }

  /* What is typed, as the rule has it: null for nothing, text where it is no number. */
  function parseValue(text, type) {
    const trimmed = text.trim();
    return type === "number" && NUMBER.test(trimmed) ? Number(trimmed) : trimmed || null;
  }

  /* One value per line; empty lines are none. */
  function parseLines(text, type) {
    const values = text.split("\n").map((line) => parseValue(line, type));
    return values.filter((value) => value !== null);
  }

  /* [[group, [[name, label], ...]], ...], in the order in which the groups come first. */
  function groupFields(fields) {
    const groups = new Map();
    for (const { name, label, group } of fields) {
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push([name, label]);
    }
    return [...groups];
  }

  return {
    KINDS,
    OTHER,
    isGroup,
    openGroup,
    closeGroup,
    placeInside,
    innermost,
    typeOf,
    parseValue,
    parseLines,
    groupFields,
  };
})();
