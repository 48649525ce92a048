
"use strict";
// Everything shown here was written by a page or a model: it is set as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PER_PAGE = 10;
  const at = (id) => document.getElementById(id);
  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (name) element.className = name;
    return element;
  };
  const option = (select, value, label) => {
    const element = make("option", label);
    element.value = value;
    select.append(element);
  };
  let page = 0;

  const link = (url, label) => {
    let address = null;
    try { address = new URL(url); } catch { /* not an address: shown as text */ }
    if (!address || !["http:", "https:"].includes(address.protocol)) return make("span", label);
    const anchor = make("a", label);
    anchor.href = address.href;
    anchor.rel = "noopener noreferrer";
    anchor.target = "_blank";
    return anchor;
  };

  const words = (question) => {
    const paper = data.documents[question.document] || {};
    return [question.question, question.reference, paper.title || "",
      ...Object.values(question.answers).map((answer) => answer[0])].join("\n").toLowerCase();
  };

  const apart = (question) => {
    const values = Object.values(question.answers)
      .map((answer) => parseFloat(String(answer[1]).replace("−", "-"))).filter(Number.isFinite);
    return values.length ? Math.max(...values) - Math.min(...values) : 0;
  };

  const chosen = () => {
    const year = at("year").value;
    const sought = at("search").value.trim().toLowerCase();
    const questions = data.sets[Number(at("set").value)].questions.filter((question) =>
      (!year || String(question.year) === year) && (!sought || words(question).includes(sought)));
    if (at("order").value === "apart") questions.sort((a, b) => apart(b) - apart(a));
    return questions;
  };

  const card = (question) => {
    const article = make("article");
    const paper = data.documents[question.document] || {};
    article.append(make("h3", question.question));
    const source = make("div", undefined, "small");
    if (question.turn) source.append(`Turn ${question.turn + 1} of a conversation · `);
    source.append(`${question.year} · `, link(paper.url || "", paper.title || question.document));
    const reference = make("p", undefined, "reference");
    reference.append(make("span", "Reference answer: ", "small"), make("strong", question.reference));
    const columns = make("div", undefined, "columns");
    const beside = data.models[at("beside").value];
    data.models.forEach((model, place) => {
      if (beside && model !== beside && model.name !== beside.baseline) return;
      const [text, score] = question.answers[model.name] || ["", null];
      const answer = make("div", undefined, `answer model-${place % 7}`);
      const who = make("div", undefined, "who");
      who.append(make("span", model.label), make("span", score === null ? "" : score));
      answer.append(who, text ? make("p", text) : make("p", "(nothing)", "empty"));
      columns.append(answer);
    });
    article.append(source, reference, columns);
    if (paper.text) {
      const details = make("details");
      details.append(make("summary", "The text it was asked about"), make("p", paper.text));
      article.append(details);
    }
    return article;
  };

  const show = () => {
    const questions = chosen();
    const pages = Math.max(1, Math.ceil(questions.length / PER_PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    at("list").replaceChildren(
      ...questions.slice(page * PER_PAGE, (page + 1) * PER_PAGE).map(card));
    at("found").textContent = questions.length === 1 ? "1 question" :
      questions.length ? `${questions.length} questions; the number beside a model is its ${data.metric}`
        : "No question matches. Try fewer words or another year.";
    at("place").textContent = `${page + 1} of ${pages}`;
    at("previous").disabled = page === 0;
    at("next").disabled = page === pages - 1;
    at("pager").hidden = pages === 1;
  };

  const years = () => {
    const select = at("year");
    const found = new Set(data.sets[Number(at("set").value)].questions.map((q) => q.year));
    select.replaceChildren();
    option(select, "", "all");
    [...found].sort().forEach((year) => option(select, String(year), String(year)));
  };

  data.sets.forEach((set, place) => option(at("set"), String(place), set.label));
  const again = () => { page = 0; show(); };
  at("set").addEventListener("change", () => { years(); again(); });
  option(at("beside"), "", "all");
  data.models.forEach((model, place) => {
    const baseline = data.models.find((other) => other.name === model.baseline);
    if (baseline) option(at("beside"), String(place), `${model.label} and ${baseline.label}`);
  });
  at("beside").addEventListener("change", again);
  at("year").addEventListener("change", again);
  at("order").addEventListener("change", again);
  at("search").addEventListener("input", again);
  at("controls").addEventListener("submit", (event) => event.preventDefault());
  const turn = (by) => { page += by; show(); at("answers").scrollIntoView(); };
  at("previous").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));
  if (!data.sets.length) return;
  at("controls").hidden = false;
  years();
  show();
})();
