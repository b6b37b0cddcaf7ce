"use strict";
(function () {
  const rowsOf = (table) => Array.from(table.tBodies[0].rows);
  const textOf = (cell) => cell.textContent.trim();

  function compare(a, b, sign) {
    const [x, y] = [a, b].map((cell) => (cell.dataset.value === undefined ? NaN : Number(cell.dataset.value)));
    if (!Number.isNaN(x) && !Number.isNaN(y)) return sign * (x - y);
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1; // what is missing comes last, either way
    return sign * textOf(a).localeCompare(textOf(b), "en", { numeric: true });
  }

  function sort(table, head, original) {
    const first = head.dataset.first;
    const second = first === "ascending" ? "descending" : "ascending";
    const now = head.getAttribute("aria-sort");
    const next = now === first ? second : now === second ? null : first;
    table.querySelectorAll("th[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
    let rows = original;
    if (next) {
      head.setAttribute("aria-sort", next);
      const sign = next === "ascending" ? 1 : -1;
      rows = original.slice().sort((a, b) => compare(a.cells[head.cellIndex], b.cells[head.cellIndex], sign));
    }
    table.tBodies[0].append(...rows);
  }

  document.querySelectorAll("table").forEach((table) => {
    const original = rowsOf(table);
    if (original.length < 2) return;
    table.querySelectorAll("thead th").forEach((head) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column; a third time: the first order again";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, head, original));
    });
  });

  const input = document.getElementById("filter");
  const named = Array.from(document.querySelectorAll("[data-generator]"));
  const all = new Set(Array.from(document.querySelectorAll("#summary tr[data-generator]"), (e) => e.dataset.generator));
  function filter() {
    const wanted = input.value.trim().toLowerCase();
    const fits = (name) => name.toLowerCase().includes(wanted);
    named.forEach((e) => {
      const keep = fits(e.dataset.generator);
      if (e.tagName === "TR") e.hidden = !keep;
      else e.classList.toggle("faded", !keep);
    });
    const kept = Array.from(all).filter(fits).length;
    document.getElementById("shown").textContent = wanted ? `${kept} of ${all.size} shown` : "";
  }
  input.closest(".filter").hidden = false;
  input.addEventListener("input", filter);
  filter();
})();
