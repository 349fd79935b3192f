/* What is typed into a step's form, as the graph has it, and back. Nothing here knows the page. */
"use strict";

(() => {
  const MINUTES = { minutes: 1, hours: 60, days: 1440 };

  /* "%(n)s here" with {n: 3} is "3 here": texts come translated, with Python's placeholders. */
  function fill(text, values) {
    return text.replace(/%\((\w+)\)s/g, (_all, name) => values[name]);
  }

  /* "12,5" and "12.5" are the same number; what is none is kept, so that the server can say so. */
  function numberIn(text) {
    const trimmed = text.trim();
    if (!trimmed) return null;
    const value = Number(trimmed.replace(",", "."));
    return Number.isNaN(value) ? trimmed : value;
  }

  /* [number, unit] of a duration in minutes: whole days and hours are shown as such. */
  function durationShown(minutes) {
    if (typeof minutes !== "number") return [minutes ?? "", "hours"];
    if (minutes === 0) return [0, "hours"];
    const unit = Object.keys(MINUTES).findLast((name) => minutes % MINUTES[name] === 0) ?? "minutes";
    return [minutes / MINUTES[unit], unit];
  }

  function durationRead(text, unit) {
    const held = numberIn(text);
    return typeof held === "number" ? held * MINUTES[unit] : held;
  }

  /* [[branch, per cent], ...] of {branch: share}, and back; what is no number is kept. */
  function sharesShown(shares) {
    const percent = (share) => (typeof share === "number" ? Number((100 * share).toFixed(4)) : share);
    return Object.entries(shares).map(([name, share]) => [name, percent(share)]);
  }

  function sharesRead(entries) {
    const share = (percent) => (typeof percent === "number" ? Number((percent / 100).toFixed(6)) : percent);
    return Object.fromEntries(entries.map(([name, percent]) => [name, share(percent)]));
  }

  /* The first letter that no branch has yet. */
  function freeLetter(names) {
    return [..."abcdefghijklmnopqrstuvwxyz"].find((letter) => !names.includes(letter)) ?? "";
  }

  /* Whether a field is there: what it hangs on has been chosen, {"by": "event"} or {"by": ["a", "b"]}. */
  function isFitting(when, values) {
    return Object.entries(when ?? {}).every(([name, wanted]) => [wanted].flat().includes(values[name]));
  }

  Object.assign(window.JourneyCanvas, {
    MINUTES,
    fill,
    numberIn,
    durationShown,
    durationRead,
    sharesShown,
    sharesRead,
    freeLetter,
    isFitting,
  });
})();
