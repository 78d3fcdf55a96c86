// The predictions browser: questions are drawn when they come into view.
"use strict";
const AT_ONCE = 40;

class Browser {
  constructor(about, data) {
    this.about = about;
    this.data = data;
    this.form = document.getElementById("controls");
    this.place = document.getElementById("questions-found");
    this.arms = new Map(data.arms.map((arm) => [arm.label, arm]));
    this.lower = data.sources.map((source, i) => [source, data.contexts[i], ...data.answers[i],
      ...data.arms.flatMap((arm) => arm.said.map((said) => data.strings[said[i]]))].join("\n").toLowerCase());
    this.end = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && this.draw(), { rootMargin: "800px" });
  }

  get(name) { return this.form.elements[name]?.value ?? ""; }

  answered(label, example) {
    const { right } = this.arms.get(label);
    return right.filter((run) => run[example] === "1").length * 2 > right.length;
  }

  filter() {
    const [search, by, not, relation] = ["search", "by", "not", "relation"].map((name) => this.get(name));
    const sought = search.toLowerCase();
    this.shown = [...document.querySelectorAll("#arms input:checked")].map((box) => box.value);
    this.found = [];
    for (let i = 0; i < this.data.sources.length; i += 1) {
      if (sought && !this.lower[i].includes(sought)) continue;
      if (relation && this.data.relations[i] !== relation) continue;
      if (by && !this.answered(by, i)) continue;
      if (not && this.answered(not, i)) continue;
      this.found.push(i);
    }
    document.getElementById("count").textContent =
      `${this.found.length.toLocaleString("en")} of ${this.data.sources.length.toLocaleString("en")} examples`;
    this.place.replaceChildren();
    this.drawn = 0;
    this.draw();
  }

  draw() {
    const next = this.found.slice(this.drawn, this.drawn + AT_ONCE);
    this.drawn += next.length;
    this.place.append(...next.map((example) => this.section(example)));
    this.end.disconnect();
    if (this.drawn < this.found.length) this.end.observe(document.getElementById("more"));
  }

  section(i) {
    const { data } = this;
    const section = make("section", { class: "passage", "data-id": data.ids[i] },
      make("h3", { dir: "auto" }, data.sources[i] || data.ids[i]),
      make("p", { class: "gold", dir: "auto" }, make("b", null, data.answers[i].join(" · "))));
    const stated = data.in_masks?.[i]; // as a passage has it that the page of masks shows
    if (stated)
      section.lastChild.append(" ", make("a", {
        href: `${this.about.masks_page}#search=${encodeURIComponent(stated)}`, class: "aside",
        "aria-label": `Masks of passages with ${stated}`,
      }, "its masks"));
    if (data.contexts[i])
      section.append(make("details", null, make("summary", null, "context"), make("p", { dir: "auto" }, data.contexts[i])));
    for (const label of this.shown) section.append(this.line(label, i));
    return section;
  }

  // What the runs of an arm say, each text once.
  line(label, i) {
    const arm = this.arms.get(label);
    const said = new Map();
    arm.said.forEach((run, seed) => {
      const known = said.get(run[i]) ?? { times: 0, right: arm.right[seed][i] === "1" };
      known.times += 1;
      said.set(run[i], known);
    });
    const text = make("div", { class: "text", "data-arm": label });
    for (const [string, { times, right }] of said) {
      const words = this.data.strings[string] || "(nothing)";
      text.append(make("span", { class: right ? "right" : "wrong" }, make("span", { "aria-label": right ? "right:" : "wrong:" , role: "img" }, right ? "✓ " : "✗ "),
        make("bdi", null, words), arm.said.length > 1 ? make("span", { class: "quiet" }, ` ×${times}`) : ""), "  ");
    }
    if (arm.times) text.append(make("span", { class: "aside" }, arm.times[i] ? `masked ${arm.times[i].toLocaleString("en")} ×` : "never masked"));
    return make("div", { class: "row" }, make("div", { class: "who" }, label), text);
  }
}

document.addEventListener("DOMContentLoaded", async () => {
  const about = JSON.parse(document.getElementById("about").textContent);
  const browser = new Browser(about, await site.load(`predictions/${about.name}`));
  browser.form.addEventListener("submit", (event) => event.preventDefault());
  browser.form.addEventListener("input", () => browser.filter());
  document.getElementById("arms").addEventListener("input", () => browser.filter());
  browser.filter();
});
