"use strict";
(function () {
  const rowsOf = (table) => Array.from(table.tBodies[0].rows);
  const textOf = (cell) => cell.textContent.replaceAll("\u00a0", " ").trim();

  function compare(a, b, sign) {
    const [x, y] = [a, b].map((cell) => (cell.dataset.value === undefined ? NaN : Number(cell.dataset.value)));
    if (!Number.isNaN(x) && !Number.isNaN(y)) return sign * (x - y);
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1; // what is missing comes last, either way
    return sign * textOf(a).localeCompare(textOf(b), "en", { numeric: true });
  }

  function following(head) {
    const first = head.dataset.first;
    const second = first === "ascending" ? "descending" : "ascending";
    const now = head.getAttribute("aria-sort");
    return now === first ? second : now === second ? null : first;
  }

  const MOST = 300; // lines of a long table that are laid out before somebody asks for all of them
  const long = new Map(); // its button, until it was pressed

  function cut(table) {
    if (!long.has(table)) return;
    let n = 0;
    rowsOf(table).forEach((row) => { if (!row.hidden) row.classList.toggle("cut", ++n > MOST); });
    long.get(table).hidden = n <= MOST;
    long.get(table).textContent = `Show all ${n} lines`;
  }

  document.querySelectorAll("table").forEach((table) => {
    if (rowsOf(table).length <= MOST) return;
    const more = document.createElement("button");
    more.type = "button";
    more.className = "more";
    more.addEventListener("click", () => {
      long.delete(table);
      rowsOf(table).forEach((row) => row.classList.remove("cut"));
      more.remove();
    });
    table.closest(".box").after(more);
    long.set(table, more);
    cut(table);
  });

  function sort(table, head, original, next) {
    table.querySelectorAll("th[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
    let rows = original;
    if (next) {
      head.setAttribute("aria-sort", next);
      const sign = next === "ascending" ? 1 : -1;
      rows = original.slice().sort((a, b) => compare(a.cells[head.cellIndex], b.cells[head.cellIndex], sign));
    }
    table.tBodies[0].append(...rows);
    cut(table);
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
      button.addEventListener("click", () => sort(table, head, original, following(head)));
    });
    if (table.classList.contains("decides")) offerOrder(table, original);
  });

  function offerOrder(table, original) { // a list of cards has no heads to press
    const select = document.createElement("select");
    const heads = Array.from(table.tHead.rows[0].cells);
    select.add(new Option("as it is", "-1"));
    heads.forEach((head, i) => select.add(new Option(textOf(head), String(i))));
    select.addEventListener("change", () => {
      const head = heads[Number(select.value)];
      sort(table, head || heads[0], original, head ? head.dataset.first : null);
    });
    const label = document.createElement("label");
    label.className = "order";
    label.append("Sort by ", select);
    table.closest(".box").before(label);
  }

  // -- tables and the picture as files -------------------------------------------------------------------------------

  const linesOf = (table) => Array.from(table.rows).filter((row) => !row.hidden).map((row) => Array.from(row.cells));
  const captionOf = (table) => textOf(table.caption);
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const csv = (table) => linesOf(table).map((cells) => cells.map(textOf).map(quoted).join(",") + "\n").join("");

  const SPECIAL = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "±": "$\\pm$", "≥": "$\\geq$", "≤": "$\\leq$",
    "↑": "$\\uparrow$", "↓": "$\\downarrow$", "<": "$<$", ">": "$>$",
  };
  const escaped = (text) => text.replace(/[\\~^±≥≤↑↓<>]|[&%$#_{}]/g, (mark) => SPECIAL[mark] || `\\${mark}`);

  function latex(table) {
    const lines = linesOf(table).map((cells) => {
      const texts = cells.map((cell) => {
        const text = escaped(textOf(cell));
        return cell.dataset.flag ? `\\textbf{${text}}` : text;
      });
      return `${texts.join(" & ")} \\\\\n`;
    });
    const sides = Array.from(table.tHead.rows[0].cells, (cell) => (cell.classList.contains("num") ? "r" : "l")).join("");
    const body = `\\toprule\n${lines[0]}\\midrule\n${lines.slice(1).join("")}\\bottomrule\n`;
    const caption = `\\caption{${escaped(captionOf(table))}}\n`;
    return `\\begin{table}\n${caption}\\begin{tabular}{${sides}}\n${body}\\end{tabular}\n\\end{table}\n`;
  }

  function svg(picture) {
    const copy = picture.cloneNode(true);
    const rules = Array.from(document.styleSheets[0].cssRules, (rule) => rule.cssText);
    const style = document.createElementNS(copy.namespaceURI, "style");
    style.textContent = rules.filter((text) => /^(:root|\.front)/.test(text)).join("\n");
    copy.prepend(style);
    copy.setAttribute("font-family", "sans-serif");
    return new XMLSerializer().serializeToString(copy);
  }

  function offer(beside, name, kinds) {
    const line = document.createElement("p");
    line.className = "save";
    line.append("Save as ");
    Object.entries(kinds).forEach(([kind, [ending, type, make]]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = kind;
      button.setAttribute("aria-label", `Save ${name} as ${kind}`);
      button.addEventListener("click", () => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(new Blob([make()], { type }));
        link.download = `${name.replace(/[^A-Za-z0-9]+/g, "-").toLowerCase()}.${ending}`;
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      });
      line.append(button, " ");
    });
    beside.after(line);
  }

  document.querySelectorAll("table").forEach((table) => {
    const kinds = {
      CSV: ["csv", "text/csv", () => csv(table)],
      LaTeX: ["tex", "text/plain", () => latex(table)],
    };
    offer(table.closest(".box"), captionOf(table), kinds);
  });
  document.querySelectorAll("svg.front").forEach((picture) => {
    const kinds = { SVG: ["svg", "image/svg+xml", () => svg(picture)] };
    offer(picture.closest(".box"), picture.dataset.name, kinds);
  });

  // -- names of points, where there is no room for them ---------------------------------------------------------------

  const REACH = 20; // pixels around a finger
  document.querySelectorAll("svg.front").forEach((picture) => {
    const told = document.createElement("p");
    told.className = "touched";
    told.setAttribute("aria-live", "polite");
    told.textContent = "Touch a point: its name and both numbers appear here.";
    picture.closest(".box").after(told);
    picture.addEventListener("click", (event) => {
      const near = Array.from(picture.querySelectorAll(".point"), (point) => {
        const box = point.getBoundingClientRect();
        const apart = Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
        return [apart, point.querySelector("title").textContent];
      }).filter(([apart]) => apart <= REACH).sort((one, other) => one[0] - other[0]);
      if (near.length) told.textContent = near.map(([, text]) => text).join(" · ");
    });
  });

  // -- only some generators ------------------------------------------------------------------------------------------

  const input = document.getElementById("filter");
  const facts = JSON.parse(document.getElementById("facts").textContent);
  const limits = Array.from(document.querySelectorAll("input[data-limit]"));
  const choices = Array.from(document.querySelectorAll("select[data-choice]"));
  const unfolded = document.getElementById("unfolded");
  const named = Array.from(document.querySelectorAll("[data-generator]"));
  const all = new Set(Array.from(document.querySelectorAll("#every-generator tr[data-generator], #board tr[data-generator]"), (e) => e.dataset.generator));
  function filter() {
    const wanted = input.value.trim().toLowerCase();
    const parts = wanted.split(/\s+/);
    const set = limits.filter((e) => e.value !== "");
    const chosen = choices.filter((e) => e.value !== "");
    const looking = Boolean(wanted || set.length || chosen.length);
    const folded = unfolded && !unfolded.checked && !looking; // a variant may be what somebody looks for
    const known = (name) => facts[name] || {};
    const within = (name) => set.every((e) => {
      const value = known(name)[e.dataset.limit];
      if (value === undefined || value === null) return false; // what is not known meets no limit
      return e.dataset.side === "least" ? value >= Number(e.value) : value <= Number(e.value);
    });
    const fits = (name) => parts.every((part) => name.toLowerCase().includes(part))
      && chosen.every((e) => known(name)[e.dataset.choice] === e.value)
      && !(folded && known(name).variant)
      && (name.endsWith(" (control)") || within(name));
    named.forEach((e) => {
      const keep = fits(e.dataset.generator);
      if (e.tagName === "TR") e.hidden = !keep;
      else e.classList.toggle("faded", !keep);
    });
    long.forEach((_, table) => cut(table));
    const kept = Array.from(all).filter(fits).length;
    document.getElementById("shown").textContent = looking || kept < all.size ? `${kept} of ${all.size} shown` : "";
  }
  input.closest(".filter").hidden = false;
  [input, ...limits, ...choices, ...(unfolded ? [unfolded] : [])].forEach((e) => e.addEventListener("input", filter));
  const none = document.getElementById("unlimited");
  if (none) none.addEventListener("click", () => { [...limits, ...choices].forEach((e) => { e.value = ""; }); filter(); });
  if (choices.length > 1 && window.matchMedia("(min-width: 70rem)").matches) none.closest("details").open = true;
  filter();
})();
