
// Tables: sorted by a click on a heading, and copied as they are sorted. Their forms are those of tables/.
(() => {
  const KINDS = { md: "Markdown", csv: "CSV", tex: "LaTeX" };
  const ORDERS = ["ascending", "descending", null];

  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    element.textContent = text;
    element.className = name;
    return element;
  };
  const button = (text, name) => Object.assign(make("button", text, name), { type: "button" });

  const rowsOf = (body) => [...body.rows].filter((row) => !row.classList.contains("group"));

  // a cell's number, else its text; null of an empty one
  const valueOf = (cell) => {
    const text = (cell.dataset.value ?? cell.innerText).trim();
    if (["", "–", "None"].includes(text)) return null;
    const number = Number(text.replace(/,/g, "").replace("−", "-").replace("inf", "Infinity"));
    return Number.isNaN(number) ? text : number;
  };
  const words = new Intl.Collator("en", { numeric: true });
  const compare = (a, b) => typeof a === "number" && typeof b === "number"
    ? (a === b ? 0 : a < b ? -1 : 1)
    : words.compare(String(a), String(b));

  const sorts = (table) => {
    const bodies = [...table.tBodies].map((body) => [body, rowsOf(body)]);
    const headings = [...table.tHead.rows[0].cells];
    const sort = (heading) => {
      const now = heading.getAttribute("aria-sort");
      const order = ORDERS[now ? ORDERS.indexOf(now) + 1 : 0];
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      if (order) heading.setAttribute("aria-sort", order);
      const sign = order === "descending" ? -1 : 1;
      bodies.forEach(([body, rows]) => {
        const valued = rows.map((row) => [row, valueOf(row.cells[heading.cellIndex])]);
        // what is empty stands last in either order
        if (order) valued.sort(([, a], [, b]) => (a === null) - (b === null) || sign * compare(a, b));
        body.append(...valued.map(([row]) => row));
      });
    };
    headings.forEach((heading) => {
      const press = button("", "sort");
      press.append(...heading.childNodes);
      press.addEventListener("click", () => sort(heading));
      heading.append(press);
    });
    return bodies.flatMap(([, rows]) => rows);
  };

  // its lines in the order of the rows, where there is one for each; LaTeX may have several tables of some columns each
  const ordered = (text, ending, rows, table) => {
    const lines = text.trimEnd().split("\n"), places = [];
    let within = ending === "tex" ? 0 : 1;
    lines.forEach((line, place) => {
      if (line === "\\bottomrule") within = 0;
      if (within && place >= (ending === "md" ? 2 : 1)) places.push(place);
      if (line === "\\midrule") within = 1;
    });
    const many = rows.length;
    if (!many || places.length % many || (ending !== "tex" && places.length !== many)) return text;
    const shown = [...table.tBodies].flatMap(rowsOf).map((row) => rows.indexOf(row));
    const moved = [...lines];
    places.forEach((place, n) => { moved[place] = lines[places[n - n % many + shown[n % many]]]; });
    return [...moved, ""].join("\n");
  };
  const unpacked = (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
  };

  // not every browser lets a page from disk write to the clipboard
  const copy = async (text, name) => {
    try {
      await navigator.clipboard.writeText(text);
      return "copied";
    } catch { /* by a selection, then */ }
    const area = make("textarea", text, "hidden");
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (done) return "copied";
    const link = make("a", "", "hidden");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    URL.revokeObjectURL(link.href);
    return "saved";
  };

  document.querySelectorAll("table").forEach((table) => {
    const rows = sorts(table);
    const place = table.closest(".scroll");
    if (!place?.dataset.copies || !window.DecompressionStream) return;
    const forms = unpacked(place.dataset.copies);
    const bar = make("div", "Copy as ", "copies");
    const said = make("span", "", "");
    said.setAttribute("role", "status");
    Object.entries(KINDS).forEach(([ending, label]) => {
      const press = button(label, "");
      press.setAttribute("aria-label", `Copy as ${label}: ${table.caption.textContent}`);
      press.addEventListener("click", async () => {
        said.textContent = "";
        const text = ordered((await forms)[ending], ending, rows, table);
        said.textContent = `${label} ${await copy(text, `table.${ending}`)}`;
      });
      bar.append(press);
    });
    bar.append(said);
    place.after(bar);
  });
})();
