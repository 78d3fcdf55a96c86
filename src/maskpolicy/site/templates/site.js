// What all pages share: data in parts, sorted tables, and what stands behind a score.
"use strict";
const site = {
  parts: new Map(),
  waiting: new Map(),
  receive(name, value) {
    site.parts.set(name, value);
    (site.waiting.get(name) || []).forEach((done) => done(value));
    site.waiting.delete(name);
  },
  // A page from disk can't fetch, but it can run a script: each part is one that calls `receive`.
  load(name) {
    if (site.parts.has(name)) return Promise.resolve(site.parts.get(name));
    return new Promise((done, failed) => {
      if (site.waiting.has(name)) return site.waiting.get(name).push(done);
      site.waiting.set(name, [done]);
      const script = document.createElement("script");
      script.src = "data/" + name.split("/").map(encodeURIComponent).join("/") + ".js";
      script.onerror = () => failed(new Error("data/" + name + ".js is missing"));
      document.head.append(script);
    });
  },
};

// An element with attributes and children; text is always text.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function tableOf(heads, rows) {
  const cell = (value, i) => (i ? make("td", null, value) : make("th", { scope: "row" }, value));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": heads.join(", ") },
    make("table", { class: "fine" },
      make("thead", null, make("tr", null, ...heads.map((head) => head ? make("th", { scope: "col" }, head) : make("td")))),
      make("tbody", null, ...rows.map((row) => make("tr", null, ...row.map(cell))))));
}

// Rows are sorted within their block; only their order changes, never a figure.
function sortable(table) {
  // Under heads of several columns, those of a column each.
  const heads = [...table.tHead.querySelectorAll("th[scope=col]")];
  for (const [column, head] of heads.entries()) {
    const button = make("button", { type: "button" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      // First figures from the highest, words from A.
      const numbers = numeric(table, column);
      const sorted = head.getAttribute("aria-sort");
      const ascending = sorted ? sorted === "descending" : !numbers;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      for (const body of table.tBodies) sortBody(body, column, ascending, numbers);
    });
  }
}

// What a row is sorted by.
function keyOf(row, column) {
  const cell = row.cells[column];
  const text = cell.dataset.value ?? cell.textContent.trim();
  const number = parseFloat(text.replace(/−/g, "-").replace(/,/g, ""));
  return { text, number, empty: text === "" || text === "–" };
}

function rowsOf(body) {
  return [...body.rows].filter((row) => !row.classList.contains("group"));
}

function numeric(table, column) {
  const keys = [...table.tBodies].flatMap(rowsOf).map((row) => keyOf(row, column));
  return keys.every((key) => key.empty || !Number.isNaN(key.number));
}

function sortBody(body, column, ascending, numbers) {
  const rows = rowsOf(body);
  const keys = new Map(rows.map((row) => [row, keyOf(row, column)]));
  rows.sort((one, other) => {
    const [a, b] = [keys.get(one), keys.get(other)];
    if (a.empty || b.empty) return a.empty - b.empty; // what is unknown comes last in both orders
    const order = numbers ? a.number - b.number : a.text.localeCompare(b.text);
    return ascending ? order : -order;
  });
  body.append(...rows);
}

function openCell(cell) {
  const dialog = document.getElementById("behind");
  const close = make("button", { type: "button", class: "plain close" }, "Close");
  close.addEventListener("click", () => dialog.close());
  const run = (seed) => (seed.run
    ? make("a", { href: "runs.html#" + encodeURIComponent(seed.run) }, `${seed.pretraining} / ${seed.finetuning}`)
    : `${seed.pretraining} / ${seed.finetuning}`);
  const parts = [
    make("h2", { id: "behind-title" }, cell.title), close,
    make("p", { class: "big" }, cell.score),
    make("p", { class: "notes" }, [cell.interval === "–" ? "" : `95 % t interval of the mean ${cell.interval}`, cell.about].filter(Boolean).join("; ")),
    make("h3", null, "Runs"),
    make("p", { class: "notes" }, "By their seeds of pre-training / fine-tuning."),
    tableOf(["seeds", "score", "learning rate"], cell.seeds.map((seed) => [run(seed), seed.score, seed.rate])),
  ];
  if (cell.tests.length) {
    parts.push(make("h3", null, "Tests"),
      tableOf(["", ...cell.heads], cell.tests.map((test) => [test.against, ...test.figures])),
      make("p", { class: "notes" }, ...cell.tests.filter((test) => test.note).map((test) => `${test.against}: ${test.note}. `), cell.tests_note));
  }
  parts.push(make("h3", null, "Signature"), make("p", null, make("code", null, cell.signature)));
  if (cell.settings) parts.push(make("h3", null, "Policy"), make("pre", { tabindex: "0" }, cell.settings));
  dialog.replaceChildren(...parts);
  dialog.showModal();
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Steps of 1, 2 or 5 times a power of ten, about four of them.
function ticks(low, high) {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step) found.push(Number(tick.toPrecision(6)));
  return found;
}

// Mean, interval and runs of each arm that is shown; the axis fits them, their figures stay.
function panelOf(title, cells, width) {
  const [left, row, foot] = [Math.min(190, width * 0.42), 28, 40];
  const height = cells.length * row + foot;
  const values = cells.flatMap(({ drawn }) => [drawn.mean, ...drawn.interval, ...drawn.runs]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (value) => left + 12 + ((value - low) / (high - low || 1)) * (width - left - 30);
  const middle = (i) => i * row + row / 2;
  const none = cells.find(({ drawn }) => drawn.arm === "none");
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "curve", role: "img", "aria-label": `${title}: ${cells.map((cell) => `${cell.drawn.arm} ${cell.score}`).join(", ")}` });
  for (const tick of ticks(low, high)) picture.append(
    svg("line", { class: "axis", x1: x(tick), x2: x(tick), y1: 0, y2: height - foot + 4 }),
    svg("text", { x: x(tick), y: height - foot + 18, "text-anchor": "middle" }, String(tick)));
  picture.append(svg("text", { x: (left + width) / 2, y: height - 4, "text-anchor": "middle" }, `${title} (×100)`));
  if (none) picture.append(svg("line", { class: "reference", x1: x(none.drawn.mean), x2: x(none.drawn.mean), y1: 0, y2: height - foot }));
  cells.forEach((cell, i) => {
    const { arm, shade, mean, interval, runs } = cell.drawn;
    const group = svg("g", { class: `arm ${shade}` }, svg("title", {}, `${arm}: ${cell.score}, interval ${cell.interval}; runs ${runs.map((run) => run.toFixed(2)).join(", ")}`),
      svg("rect", { x: 0, y: i * row, width, height: row, class: "under" }),
      svg("text", { x: left - 8, y: middle(i) + 4, "text-anchor": "end" }, arm));
    if (interval.length) group.append(svg("line", { class: "interval", x1: x(interval[0]), x2: x(interval[1]), y1: middle(i), y2: middle(i) }));
    group.append(svg("circle", { class: "mean", cx: x(mean), cy: middle(i), r: 5 }),
      ...runs.map((run) => svg("circle", { class: "run", cx: x(run), cy: middle(i) + 9, r: 1.8 })));
    picture.append(group);
  });
  return picture;
}

// The picture of a table, drawn anew without the arms that are hidden.
function drawScores(figure, cells) {
  const panels = [...figure.querySelectorAll(".panel")];
  const of = (panel) => Object.entries(cells).filter(([key]) => key.startsWith(panel.dataset.cells)).map(([, cell]) => cell);
  const arms = [...new Set(panels.flatMap((panel) => of(panel).map((cell) => cell.drawn.arm)))];
  const hidden = new Set();
  const draw = () => panels.forEach((panel) => {
    const shown = of(panel).filter((cell) => !hidden.has(cell.drawn.arm));
    panel.replaceChildren(...(shown.length ? [panelOf(panel.dataset.title, shown, Math.min(560, Math.max(300, panel.clientWidth)))] : []));
  });
  const boxes = arms.map((arm) => {
    const box = make("input", { type: "checkbox", checked: true });
    box.addEventListener("input", () => { if (box.checked) hidden.delete(arm); else hidden.add(arm); draw(); });
    return make("label", null, box, arm);
  });
  figure.querySelector("img")?.remove();
  figure.prepend(make("fieldset", { class: "chips" }, make("legend", { class: "count" }, "Drawn"), ...boxes));
  draw();
}

// A menu closes by Escape and by a click elsewhere, as readers know it of menus.
function closing(menu) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll("details.menu").forEach(closing);
  const behind = document.getElementById("cells");
  if (!behind) return;
  const cells = JSON.parse(behind.textContent);
  document.querySelectorAll("figure.scores").forEach((figure) => drawScores(figure, cells));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-cell]");
    if (button) openCell(cells[button.dataset.cell]);
    if (event.target.id === "behind") event.target.close();
  });
});
