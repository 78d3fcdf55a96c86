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
      const ascending = head.getAttribute("aria-sort") === "descending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      for (const body of table.tBodies) sortBody(body, column, ascending);
    });
  }
}

function sortBody(body, column, ascending) {
  const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
  const key = (row) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    const number = parseFloat(text.replace(/−/g, "-").replace(/,/g, ""));
    return { text, number, empty: text === "" || text === "–" };
  };
  const keys = new Map(rows.map((row) => [row, key(row)]));
  const numbers = rows.every((row) => keys.get(row).empty || !Number.isNaN(keys.get(row).number));
  rows.sort((one, other) => {
    const [a, b] = [keys.get(one), keys.get(other)];
    if (a.empty || b.empty) return a.empty - b.empty; // what is unknown comes last in both orders
    const order = numbers ? a.number - b.number : b.text.localeCompare(a.text);
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

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("table.sortable").forEach(sortable);
  const behind = document.getElementById("cells");
  if (!behind) return;
  const cells = JSON.parse(behind.textContent);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-cell]");
    if (button) openCell(cells[button.dataset.cell]);
    if (event.target.id === "behind") event.target.close();
  });
});
