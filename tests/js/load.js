/* Loads plain scripts as a page does, one after the other, onto one `window`. */
"use strict";

const path = require("node:path");

const ROOT = path.join(__dirname, "..", "..");
const CANVAS = "journeys/static/journeys/canvas";

function load(...scripts) {
  globalThis.window = {};
  for (const script of scripts) require(path.join(ROOT, script));
  return globalThis.window;
}

/* The parts of the canvas with these names, which need no page. */
function loadCanvas(...names) {
  return load(...["dom", ...names].map((name) => `${CANVAS}/${name}.js`)).JourneyCanvas;
}

/* Numbers that look random and are the same each time, in [0, 1). Source: the constants of glibc's rand. */
function repeatable(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) / (0x80000000 >>> 8);
  };
}

/* One of a list. */
function pick(random, list) {
  return list[Math.floor(random() * list.length)];
}

module.exports = { load, loadCanvas, repeatable, pick };
