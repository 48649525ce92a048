"use strict";
// What pages for raters share: an order that the rater's name decides, what was given, and its file.
const ratings = (() => {
  // numbers that a name decides (FNV-1a, then mulberry32): the same order after a reload
  const numbers = (name) => {
    let state = 2166136261;
    for (const character of name) state = Math.imul(state ^ character.codePointAt(0), 16777619);
    return () => {
      state = (state + 0x6D2B79F5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
  };
  const shuffled = (values, draw) => {
    const some = [...values];
    for (let last = some.length - 1; last > 0; last--) {
      const other = Math.floor(draw() * (last + 1));
      [some[last], some[other]] = [some[other], some[last]];
    }
    return some;
  };
  const key = (experiment, rater) => `papertune-ratings/${experiment}/${rater}`;
  // a browser may refuse to keep anything for a file from disk: then only what is saved is kept
  const keep = (experiment, rater, given) => {
    try { localStorage.setItem(key(experiment, rater), JSON.stringify(given)); } catch { /* so be it */ }
  };
  const kept = (experiment, rater) => {
    try { return JSON.parse(localStorage.getItem(key(experiment, rater))) || {}; } catch { return {}; }
  };
  const save = (experiment, rater, entries) => {
    const file = { papertune: "ratings", experiment, rater, ratings: Object.fromEntries(entries.sort()) };
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(
      new Blob([`${JSON.stringify(file, null, 1)}\n`], { type: "application/json" }));
    anchor.download = `ratings-${rater}.json`;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 60000);
  };
  return { numbers, shuffled, keep, kept, save };
})();
