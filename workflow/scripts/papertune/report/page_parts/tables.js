
// Tables: sorted by a click on a heading, and copied as they are sorted. Their forms are those of tables/.
(() => {
  const KINDS = { md: ["Markdown", 2], csv: ["CSV", 1], tex: ["LaTeX", Infinity] };
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

  // lines below the heading in the order of the rows, where there is one for each
  const ordered = (text, head, rows, table) => {
    const lines = text.trimEnd().split("\n");
    if (lines.length - head !== rows.length) return text;
    const shown = [...table.tBodies].flatMap(rowsOf).map((row) => lines[head + rows.indexOf(row)]);
    return [...lines.slice(0, head), ...shown, ""].join("\n");
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
    if (!place?.dataset.csv) return;
    const bar = make("div", "Copy as ", "copies");
    const said = make("span", "", "");
    said.setAttribute("role", "status");
    Object.entries(KINDS).forEach(([ending, [label, head]]) => {
      const press = button(label, "");
      press.setAttribute("aria-label", `Copy as ${label}: ${table.caption.textContent}`);
      press.addEventListener("click", async () => {
        said.textContent = "";
        const text = ordered(place.dataset[ending], head, rows, table);
        said.textContent = `${label} ${await copy(text, `table.${ending}`)}`;
      });
      bar.append(press);
    });
    bar.append(said);
    place.after(bar);
  });
})();
