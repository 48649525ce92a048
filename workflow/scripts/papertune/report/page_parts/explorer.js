// Everything shown here was written by a page or a model: it is set as text, never as markup.
(() => {
  const PER_PAGE = 10, PRINTED = 500;
  const at = (id) => document.getElementById(id);
  const form = at("controls"), controls = form.elements;
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
  const tag = (text, bad) => make("span", text, bad ? "tag bad" : "tag");
  const number = (value, metric) => {
    if (value === null || Number.isNaN(value)) return "–";
    const sign = value < 0 ? "−" : "", size = Math.abs(value);
    if (size >= 1e300) return `${sign}∞`;
    return sign + (size >= 1e6 ? size.toExponential(1) : size.toFixed(answers.metrics[metric][1]));
  };
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

  let questions = [], page = 0, here = -1, said = 0, found = null, ticket = 0, seeking = 0;
  let given = {}, saved = true;
  const blind = () => at("blind").checked && at("rater").value !== "" && at("rater").checkValidity();

  // ---- what is asked for: the form's values, and the page's address --------------

  const NAMES = ["set", "writer", "year", "beside", "order", "search", "who", "low", "high", "than",
    "wrong", "apart", "seeds"];
  const start = {};
  const value = (name) => (name === "seeds" ? (controls.seeds.checked ? "1" : "") : controls[name].value);
  const put = (name, text) => {
    if (name === "seeds") controls.seeds.checked = text === "1";
    else controls[name].value = text;
    // an address that names what is not there, as of another study
    if (controls[name].tagName === "SELECT" && controls[name].selectedIndex < 0) controls[name].value = start[name];
  };
  const shown = () => [...controls.show].filter((one) => one.checked).map((one) => one.value);
  const asked = () => ({
    ...Object.fromEntries(NAMES.map((name) => [name, value(name)])), show: shown(),
  });
  const address = (question) => {
    const said = new URLSearchParams();
    for (const name of NAMES) if (value(name) !== start[name]) said.set(name, value(name));
    if (shown().length) said.set("show", shown().join(","));
    if (question !== undefined) {
      const pair = answers.pairs[question], same = answers.pairs.indexOf(pair) !== answers.pairs.lastIndexOf(pair);
      said.set("q", same ? `${pair}.${answers.set[question]}` : pair);
    }
    return `#${said}`;
  };
  const tell = (question) => {
    const said = address(question);
    // a fragment without a name is the page itself
    try { history.replaceState(null, "", said === "#" ? "#answers" : said); } catch { location.hash = said; }
  };
  const heed = async () => {
    const said = new URLSearchParams(location.hash.slice(1));
    if (!location.hash.includes("=")) return false;
    NAMES.forEach((name) => put(name, said.get(name) ?? start[name]));
    const kinds = (said.get("show") ?? "").split(",");
    for (const one of controls.show) one.checked = kinds.includes(one.value);
    await search();
    await again(false);
    const [pair, set] = (said.get("q") ?? "").split(".");
    if (!pair) return true;
    const is = (question) => answers.pairs[question] === pair && (!set || answers.set[question] === Number(set));
    let place = questions.findIndex(is);
    if (place < 0 && answers.pairs.includes(pair)) {
      NAMES.forEach((name) => put(name, start[name]));
      for (const one of controls.show) one.checked = false;
      await again(false);
      place = questions.findIndex(is);
    }
    if (place < 0) { at("found").textContent = `There is no question ${pair} here.`; return true; }
    await go(place);
    return true;
  };

  // ---- cards ----------------------------------------------------------------------

  const source = (question, item) => {
    const [title, url] = item.paper, line = make("div", undefined, "small");
    if (item.turn) line.append(`Turn ${item.turn + 1} of a conversation · `);
    line.append(`${answers.year[question] || "no year"} · `, link(url, title), ` · ${answers.sets[answers.set[question]]} · `);
    const own = make("a", "link to this question");
    own.href = address(question);
    line.append(own);
    return line;
  };

  // texts of a model's seeds, each once, with the runs that wrote it
  const grouped = (item, runs) => {
    const groups = new Map();
    for (const run of runs) groups.set(item.said[run], [...(groups.get(item.said[run]) ?? []), run]);
    return [...groups];
  };
  const seeds = (runs) => `seed${runs.length > 1 ? "s" : ""} ${runs.map((run) => answers.runs[run][1]).join(", ")}`;

  const answer = (question, item, text, runs, many) => {
    const box = make("div"), words = item.texts[text];
    const missing = runs.every((run) => answers.flags[run][question] & answers.MISSING);
    const scores = [...new Set(runs.map((run) => number(answers.scores[run][question], answers.metric)))];
    if (many) box.append(make("div", `${seeds(runs)}: ${scores.join(", ")}`, "small"));
    box.append(words ? make("p", words) : make("p", missing ? "(not asked)" : "(nothing)", "empty"));
    const wrong = Number(controls.wrong.value);
    if (runs.some((run) => answers.scores[run][question] !== null && answers.worse(answers.scores[run][question], wrong))) {
      box.append(tag("wrong", true), " ");
    }
    const bits = runs.reduce((all, run) => all | answers.flags[run][question], 0);
    if (bits & answers.CUT) box.append(tag("cut"), " ");
    if (bits & answers.IN_PART) box.append(tag("text not read whole"), " ");
    if (given[item.ids[text]]) box.append(tag(`you gave ${given[item.ids[text]]}`));
    return box;
  };

  const column = (question, item, model) => {
    const runs = answers.runsOf[model], own = make("div", undefined, `answer model-${model % 7}`);
    const who = make("div", undefined, "who");
    who.append(make("span", answers.models[model].label), make("span", number(answers.means[model][question], answers.metric)));
    own.append(who);
    const groups = grouped(item, runs), all = controls.seeds.checked;
    groups.slice(0, all ? groups.length : 1).forEach(([text, some]) =>
      own.append(answer(question, item, text, some, runs.length > 1)));
    if (!all && groups.length > 1) {
      const more = make("details");
      more.append(make("summary", `${groups.length - 1} other answer${groups.length > 2 ? "s" : ""} by its other seeds`));
      groups.slice(1).forEach(([text, some]) => more.append(answer(question, item, text, some, true)));
      own.append(more);
    }
    return own;
  };

  let opened = 0;
  const metrics = (item) => {
    const table = make("table", undefined, "dense"), head = make("tr"), body = make("tbody");
    const runs = answers.runs.map((_, run) => run).filter((run) => visible().includes(answers.runs[run][0]));
    const cell = (tagName, text, scope, name) => {
      const one = make(tagName, text, name);
      if (scope) one.scope = scope;
      return one;
    };
    head.append(cell("th", "Metric", "col"));
    runs.forEach((run) => head.append(cell("th", `${answers.models[answers.runs[run][0]].label}, seed ${answers.runs[run][1]}`, "col", "number")));
    answers.metrics.forEach(([label, , unit], metric) => {
      const row = make("tr"), values = item.values[metric];
      row.append(cell("th", `${label} (${unit})`, "row"));
      runs.forEach((run) => row.append(cell("td", number(Array.isArray(values) ? values[run] : values, metric), "", "number")));
      body.append(row);
    });
    const top = make("thead"), scroll = make("div", undefined, "scroll");
    top.append(head);
    table.append(make("caption", "Every metric of these answers"), top, body);
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    opened += 1; // regions of one name are no help to find one
    scroll.setAttribute("aria-label", `Every metric of these answers (table ${opened})`);
    scroll.append(table);
    return scroll;
  };

  const unfolding = (label, name, content) => {
    const details = make("details", undefined, name);
    details.append(make("summary", label));
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(content());
    });
    return details;
  };

  const hidden = (question, item) => {
    const columns = make("div", undefined, "columns");
    const texts = [...new Set(item.said)].filter((text) => !answers.runs.every((_, run) =>
      item.said[run] !== text || answers.flags[run][question] & answers.MISSING));
    // sorted first by what says nothing, so that the draw alone decides
    texts.sort((a, b) => (item.ids[a] < item.ids[b] ? -1 : 1));
    const draw = ratings.numbers(`${at("rater").value}/${answers.pairs[question]}`);
    ratings.shuffled(texts, draw).forEach((text, place) => {
      const own = make("div", undefined, "answer blind"), marks = make("div", undefined, "marks");
      own.dataset.id = item.ids[text];
      own.tabIndex = -1;
      own.append(make("div", `Answer ${place + 1}`, "who"));
      own.append(item.texts[text] ? make("p", item.texts[text]) : make("p", "(nothing)", "empty"));
      marks.setAttribute("role", "group");
      marks.setAttribute("aria-label", `Rating of answer ${place + 1}`);
      for (let mark = 1; mark <= 5; mark++) {
        const button = make("button", String(mark));
        button.type = "button";
        button.addEventListener("click", () => rate(own, mark));
        marks.append(button);
      }
      own.append(marks);
      press(own);
      columns.append(own);
    });
    return columns;
  };

  const visible = () => {
    const every = answers.models.map((_, model) => model), own = controls.beside.value;
    return own === "" ? every : every.filter((model) => model === Number(own) || model === answers.models[own].baseline);
  };

  const card = (question) => {
    const item = answers.item(question), article = make("article");
    article.dataset.pair = answers.pairs[question];
    article.tabIndex = -1;
    const reference = make("p", undefined, "reference");
    reference.append(make("span", "Reference answer: ", "small"), make("strong", item.reference));
    article.append(make("h3", item.question), source(question, item), reference);
    if (blind()) article.append(hidden(question, item));
    else {
      const columns = make("div", undefined, "columns");
      visible().forEach((model) => columns.append(column(question, item, model)));
      article.append(columns, unfolding("Every metric", "metrics", () => metrics(item)));
    }
    if (item.paper[2]) article.append(unfolding("The text that the question is about", "", () => make("p", item.paper[2])));
    return article;
  };

  // ---- the list -------------------------------------------------------------------

  const trouble = (error) => {
    at("found").textContent = `Answers cannot be shown: ${error.message}. Keep the folder explorer beside this page.`;
  };
  /** Shows the page that a question stands on; at once where its texts are there. */
  const show = () => {
    const mine = ++ticket, pages = Math.max(1, Math.ceil(questions.length / PER_PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const some = questions.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
    at("place").textContent = `${page + 1} of ${pages}`;
    at("previous").disabled = page === 0;
    at("next").disabled = page === pages - 1;
    at("pager").hidden = pages === 1;
    const fill = () => { if (mine === ticket) { at("list").replaceChildren(...some.map(card)); } };
    const loading = answers.texts(some);
    return loading ? loading.then(fill, trouble) : fill();
  };
  const mark = (scroll) => {
    for (const one of document.querySelectorAll("#list .here")) one.classList.remove("here");
    const own = at("list").children[here - page * PER_PAGE];
    if (!own) return;
    const one = blind() ? own.querySelectorAll(".answer")[said] ?? own : own;
    own.classList.add("here");
    one.classList.add("here");
    if (scroll) { one.focus({ preventScroll: true }); one.scrollIntoView({ block: "nearest" }); own.scrollIntoView({ block: "nearest" }); }
  };
  const go = async (place, last) => {
    if (place < 0 || place >= questions.length) return;
    const before = page;
    here = place;
    page = Math.floor(place / PER_PAGE);
    if (page !== before || !at("list").children.length) await show();
    const many = at("list").children[here - page * PER_PAGE]?.querySelectorAll(".answer.blind").length ?? 0;
    said = last ? Math.max(many - 1, 0) : 0;
    mark(true);
    tell(questions[here]);
  };

  const words = {
    set: "Test set", writer: "Writer", year: "Year", beside: "Models", order: "Order", search: "Search",
    who: "Judged by", low: "Score from", high: "Score to", than: "Difference to", wrong: "Wrong",
    apart: "Disagreement from", seeds: "Every seed",
  };
  const active = () => {
    const drop = (label, undo) => {
      const entry = make("li"), button = make("button", `${label} ×`);
      button.type = "button";
      button.setAttribute("aria-label", `Remove: ${label}`);
      button.addEventListener("click", () => { undo(); again(); });
      entry.append(button);
      return entry;
    };
    const entries = NAMES.filter((name) => value(name) !== start[name]).map((name) => {
      const chosen = controls[name].selectedOptions?.[0].textContent ?? value(name);
      return drop(name === "seeds" ? words.seeds : `${words[name]}: ${chosen}`, () => put(name, start[name]));
    });
    for (const one of controls.show) {
      if (one.checked) entries.push(drop(one.parentElement.firstChild.nextSibling.textContent.trim(), () => { one.checked = false; }));
    }
    at("active").replaceChildren(...entries);
  };

  const again = (telling = true) => {
    if (!controls.search.value.trim()) found = null;
    const { questions: passed, counts } = answers.chosen(asked(), found);
    questions = passed;
    for (const one of controls.show) {
      one.nextElementSibling.textContent = `(${counts[answers.KINDS.indexOf(one.value)].toLocaleString("en")})`;
    }
    const label = answers.metrics[answers.metric][0];
    at("found").textContent = questions.length
      ? `${questions.length.toLocaleString("en")} question${questions.length > 1 ? "s" : ""}; the number beside a model is its ${label}` +
        `${answers.runs.length > answers.models.length ? ", the mean of its seeds" : ""}`
      : "No question matches. Remove a filter, or search for fewer words.";
    at("meaning").textContent = `An answer is wrong where its ${label} is ${answers.higher ? "below" : "above"} ${controls.wrong.value}, ` +
      "a question where an answer of the model judged by is (wrong by all: every answer that has a score). Models disagree where " +
      `their means are ${controls.apart.value} or more apart. Cut: an answer ended at the limit of its tokens. Not read whole: the ` +
      "text asked about did not fit. Unanswerable: the reference is empty, or says so.";
    active();
    page = said = 0;
    here = -1;  // no question is chosen yet
    if (telling) tell();
    return show();
  };

  const search = async () => {
    const mine = ++seeking, sought = controls.search.value.trim().toLowerCase();
    if (!sought) { found = null; return true; }
    const hits = new Uint8Array(answers.count);
    const whole = await answers.every((piece, first) => piece.questions.forEach((one, place) => {
      const text = [one.question, one.reference, piece.documents[one.document][0], ...one.texts].join("\n");
      if (text.toLowerCase().includes(sought)) hits[first + place] = 1;
    }), (done, all) => {
      if (answers.beside) at("found").textContent = `Searching: ${done} of ${all} pieces read`;
      return mine === seeking;
    });
    if (whole) found = hits;
    return whole;
  };

  // ---- rating blind ----------------------------------------------------------------

  const press = (own) => {
    for (const button of own.querySelectorAll("button")) {
      const chosen = Number(button.textContent) === given[own.dataset.id];
      button.setAttribute("aria-pressed", String(chosen));
      button.classList.toggle("better", chosen);
    }
  };
  const rate = (own, mark) => {
    given[own.dataset.id] = mark;
    saved = false;
    ratings.keep(answers.experiment, at("rater").value, given);
    at("save").disabled = false;
    press(own);
  };
  const step = (by) => {
    const own = at("list").children[here - page * PER_PAGE];
    const many = blind() && own ? own.querySelectorAll(".answer.blind").length : 0;
    if (said + by >= 0 && said + by < many) { said += by; mark(true); return; }
    go(here + by, by < 0);
  };
  /** The mean of what was given, by model: once nobody is blind any more. */
  const outcome = async () => {
    at("rated").replaceChildren();
    if (blind() || !Object.keys(given).length) return;
    const sums = answers.models.map(() => [0, 0]);
    await answers.every((piece) => piece.questions.forEach((one) => one.said.forEach((text, run) => {
      const mark = given[one.ids[text]], own = sums[answers.runs[run][0]];
      if (mark) { own[0] += mark; own[1]++; }
    })), () => true);
    const list = make("ul");
    sums.forEach(([sum, many], model) => { if (many) list.append(make("li", `${answers.models[model].label}: ${(sum / many).toFixed(2)} (${many} answers of its seeds)`)); });
    at("rated").replaceChildren(make("p", "Your mean rating:"), list);
  };
  const hide = () => {
    if (at("blind").checked && !blind()) { at("rater").reportValidity(); at("rater").focus(); }
    given = at("rater").value && at("rater").checkValidity() ? ratings.kept(answers.experiment, at("rater").value) : {};
    at("save").disabled = !Object.keys(given).length;
    here = page * PER_PAGE;
    said = 0;
    Promise.resolve(show()).then(() => blind() && mark(false));
    outcome().catch(trouble);
  };

  // ---- print -----------------------------------------------------------------------

  const folded = [];
  const unfold = () => {
    const some = questions.slice(0, PRINTED);
    const there = some.filter((question) => !answers.texts([question]));
    at("list").replaceChildren(...there.map(card));
    for (const one of document.querySelectorAll("#settings details:not([open])")) {
      one.open = true;
      folded.push(one);
    }
    if (there.length < questions.length) {
      at("list").prepend(make("p", `${there.length.toLocaleString("en")} of ${questions.length.toLocaleString("en")} questions are printed.`, "notice"));
    }
  };
  const fold = () => { folded.splice(0).forEach((one) => { one.open = false; }); show(); };
  window.addEventListener("beforeprint", unfold);
  window.addEventListener("afterprint", fold);
  at("print").addEventListener("click", async () => {
    try { await answers.texts(questions.slice(0, PRINTED)); } catch (error) { trouble(error); return; }
    window.print();
  });

  // ---- begin -----------------------------------------------------------------------

  if (!answers.count) return;
  answers.sets.forEach((label, place) => option(controls.set, String(place), label));
  [...new Set(answers.writers)].forEach((label) => option(controls.writer, label, label));
  [...new Set(answers.year)].sort((a, b) => a - b).forEach((year) => option(controls.year, String(year), String(year || "none")));
  answers.models.forEach(({ label, baseline }, place) => {
    option(controls.who, String(place), label);
    option(controls.than, String(place), label);
    if (baseline !== null) option(controls.beside, String(place), `${label} and ${answers.models[baseline].label}`);
  });
  controls.wrong.value = answers.wrong;
  controls.apart.value = answers.apart;
  at("wrong_when").textContent = answers.higher ? "Wrong below" : "Wrong above";
  NAMES.forEach((name) => { start[name] = value(name); });

  let waiting = 0;
  const seek = () => search().then((whole) => whole && again(), trouble);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const one of form.querySelectorAll("[name]")) {
    if (one.name === "search") {
      one.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(seek, answers.beside ? 300 : 0);
      });
    } else one.addEventListener("change", () => again());
  }
  at("blind").addEventListener("change", hide);
  at("rater").addEventListener("change", hide);
  at("save").addEventListener("click", () => {
    ratings.save(answers.experiment, at("rater").value, Object.entries(given));
    saved = true;
  });
  window.addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });
  const turn = (by) => { page += by; here = page * PER_PAGE - 1; said = 0; show(); at("answers").scrollIntoView(); };
  at("previous").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));
  const help = () => {
    at("help").hidden = !at("help").hidden;
    at("keys").setAttribute("aria-expanded", String(!at("help").hidden));
  };
  at("keys").addEventListener("click", help);
  window.addEventListener("hashchange", () => heed().catch(trouble));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    // what is typed or scrolled elsewhere stays there
    if (event.target.closest("input:not([type=checkbox]), select, textarea, .scroll")) return;
    const own = at("list").children[here - page * PER_PAGE];
    const rating = blind() && event.key >= "1" && event.key <= "5" && event.key.length === 1;
    const keys = {
      j: () => step(1), ArrowRight: () => step(1), k: () => step(-1), ArrowLeft: () => step(-1),
      "/": () => { controls.search.focus(); }, "?": help,
      m: () => { const one = own?.querySelector(".metrics"); if (one) one.open = !one.open; },
    };
    if (rating) {
      const one = own?.querySelectorAll(".answer.blind")[said];
      if (one) { rate(one, Number(event.key)); step(1); }
    } else if (Object.hasOwn(keys, event.key)) keys[event.key]();
    else return;
    event.preventDefault();
  });

  form.hidden = at("tools").hidden = false;
  heed().then((heeded) => heeded || again(false)).catch(trouble);
})();
