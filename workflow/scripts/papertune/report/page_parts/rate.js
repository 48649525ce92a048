// Everything shown here was written by a page or a model: it is set as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const marks = [...document.querySelectorAll("[data-mark]")];
  let rater = "", queue = [], place = 0, given = {}, saved = true;

  const show = () => {
    const { item, id, text } = queue[place];
    const done = queue.filter((one) => given[one.id]).length;
    at("place").textContent = `Answer ${place + 1} of ${queue.length}; ${done} rated` +
      (done === queue.length ? ". All are rated: save your file." : "");
    at("question").textContent = item.question;
    at("told").hidden = !item.reference;
    at("reference").textContent = item.reference;
    at("about").hidden = !item.context;
    at("context").textContent = item.context;
    at("text").textContent = text || "(nothing)";
    at("text").classList.toggle("empty", !text);
    marks.forEach((button) => {
      const chosen = Number(button.dataset.mark) === given[id];
      button.setAttribute("aria-pressed", String(chosen));
      button.classList.toggle("better", chosen);
    });
    at("previous").disabled = place === 0;
    at("next").disabled = place === queue.length - 1;
    at("save").disabled = !done;
  };
  const turn = (by) => {
    place = Math.min(Math.max(place + by, 0), queue.length - 1);
    show();
    at("text").focus({ preventScroll: true });
  };
  const rate = (mark) => {
    given[queue[place].id] = mark;
    saved = false;
    ratings.keep(data.experiment, rater, given);
    turn(1);
  };

  const save = () => {
    const here = new Set(queue.map((one) => one.id));
    const entries = Object.entries(given).filter(([id]) => here.has(id));
    ratings.save(data.experiment, rater, entries);
    saved = true;
  };

  at("begin").addEventListener("submit", (event) => {
    event.preventDefault();
    rater = at("rater").value;
    const draw = ratings.numbers(rater);
    // the answers to one question stand together, so that it is read once
    queue = ratings.shuffled(data.items, draw).flatMap((item) =>
      ratings.shuffled(item.texts, draw).map(([id, text]) => ({ item, id, text })));
    if (!queue.length) return;
    given = ratings.kept(data.experiment, rater);
    place = Math.max(queue.findIndex((one) => !given[one.id]), 0);
    at("begin").hidden = true;
    at("rating").hidden = false;
    turn(0);
  });
  marks.forEach((button) =>
    button.addEventListener("click", () => rate(Number(button.dataset.mark))));
  at("previous").addEventListener("click", () => turn(-1));
  at("next").addEventListener("click", () => turn(1));
  at("save").addEventListener("click", save);
  document.addEventListener("keydown", (event) => {
    if (at("rating").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
    const mark = marks.find((button) => button.dataset.mark === event.key);
    if (mark) rate(Number(mark.dataset.mark));
    else if (event.key === "ArrowLeft") turn(-1);
    else if (event.key === "ArrowRight") turn(1);
  });
  window.addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });
})();
