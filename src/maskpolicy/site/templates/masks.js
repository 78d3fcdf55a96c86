// The mask viewer: passages are drawn when they come into view, from the bits of the decisions.
"use strict";
const AT_ONCE = 30;

// The spans of a passage of n tokens: runs of masked tokens, cut where something is inserted, and
// insertions, which are spans of no token. They begin and end at tokens.
function spansOf(n, masked, inserted) {
  const spans = [];
  for (let i = 0; i < n;) {
    if (inserted(i) && !(masked(i) && i && masked(i - 1))) spans.push([i, i]);
    if (!masked(i)) { i += 1; continue; }
    let last = i + 1;
    while (last < n && masked(last) && !inserted(last)) last += 1;
    spans.push([i, last]);
    i = last;
  }
  return spans;
}

// A text as it is searched: whatever its case and white space.
function sought(text) { return text.toLowerCase().replace(/\s+/g, " "); }

function bytesOf(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

class Viewer {
  constructor(about, passages) {
    this.about = about;
    this.passages = passages;
    this.offsets = [0];
    for (const tokens of passages.begin) this.offsets.push(this.offsets[this.offsets.length - 1] + tokens.length);
    this.white = new Set(passages.white);
    this.lower = passages.texts.map(sought);
    this.form = document.getElementById("controls");
    this.place = document.getElementById("passages");
    this.found = [];
    this.drawn = 0;
    this.turn = 0;
    this.end = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && this.draw(), { rootMargin: "800px" });
  }

  get(name) { return this.form.elements[name]?.value ?? ""; }

  async update() {
    const turn = ++this.turn;
    const epoch = this.get("epoch");
    const part = await site.load(`masks/${this.about.name}/${epoch === "all" ? "all-epochs" : "epoch-" + epoch}`);
    if (turn !== this.turn) return; // another choice was made meanwhile
    this.every = epoch === "all";
    this.epoch = epoch;
    this.bits = new Map();
    for (const arm of this.about.arms.filter((each) => part[each])) { // another has more of them
      if (this.every) {
        this.bits.set(arm, { counts: new Uint16Array(bytesOf(part[arm]).buffer) });
      } else {
        const { mask, insertions } = part[arm];
        this.bits.set(arm, { mask: bytesOf(mask), insertions: insertions && bytesOf(insertions) });
      }
    }
    this.shown = [...document.querySelectorAll("#arms input:checked")].map((box) => box.value);
    this.having = this.shown.filter((arm) => this.bits.has(arm));
    this.filter();
  }

  // What is said instead of the masks of an arm that has none of the epoch.
  none(arm) { return `no mask of epoch ${this.epoch}, only ${this.about.made[arm]} of each row`; }

  // How many epochs mask a token: of a single epoch 1 or 0.
  times(arm, token) {
    const { counts, mask } = this.bits.get(arm);
    return counts ? counts[token] : (mask[token >> 3] >> (token & 7)) & 1;
  }

  inserted(arm, token) {
    const { insertions } = this.bits.get(arm);
    return Boolean(insertions) && Boolean((insertions[token >> 3] >> (token & 7)) & 1);
  }

  // The tokens of a passage that are what is asked for; null where nothing is asked of tokens.
  hits(passage) {
    const [entity, pos, by, not] = ["entity", "pos", "by", "not"].map((name) => this.get(name));
    if (!entity && !pos && !by && !not) return null;
    const at = this.offsets[passage];
    const inEntity = new Set();
    for (const [first, last, label] of this.passages.entities?.[passage] ?? [])
      if (label === entity) for (let i = first; i < last; i += 1) inEntity.add(i);
    const hits = new Set();
    for (let i = 0; i < this.passages.begin[passage].length; i += 1) {
      if (entity && !inEntity.has(i)) continue;
      if (pos && this.passages.parts_of_speech[passage][i] !== pos) continue;
      if (by && !this.times(by, at + i)) continue;
      if (not && this.times(not, at + i)) continue;
      hits.add(i);
    }
    return hits;
  }

  filter() {
    const search = sought(this.get("search"));
    this.found = [];
    let tokens = 0;
    const without = ["by", "not"].map((name) => this.get(name)).filter((arm) => arm && !this.bits.has(arm));
    if (!without.length) for (let passage = 0; passage < this.passages.texts.length; passage += 1) {
      if (search && !this.lower[passage].includes(search)) continue;
      const hits = this.hits(passage);
      if (hits && !hits.size) continue;
      this.found.push([passage, hits]);
      tokens += hits ? hits.size : 0;
    }
    const passages = this.found.length === 1 ? "1 passage" : `${this.found.length.toLocaleString("en")} passages`;
    document.getElementById("count").textContent =
      without.length ? without.map((arm) => `${arm}: ${this.none(arm)}`).join(", ")
        : tokens ? `${passages}, ${tokens === 1 ? "1 token" : `${tokens.toLocaleString("en")} tokens`} underlined in them` : passages;
    this.place.replaceChildren();
    this.drawn = 0;
    this.draw();
  }

  draw() {
    const next = this.found.slice(this.drawn, this.drawn + AT_ONCE);
    this.drawn += next.length;
    this.place.append(...next.map(([passage, hits]) => this.section(passage, hits)));
    // Watched anew, so that it is told of an end that is still in view.
    this.end.disconnect();
    if (this.drawn < this.found.length) this.end.observe(document.getElementById("more"));
  }

  section(passage, hits) {
    const row = this.passages.rows[passage];
    const section = make("section", { class: "passage", "data-row": row }, make("h2", null, `Row ${row}`));
    const line = (who, about, text) => section.append(make("div", { class: "row" },
      make("div", { class: "who", title: about }, who), text));
    if (this.get("view") === "agreement") line(this.having.length === 1 ? "1 arm" : `${this.having.length} arms`, "", this.agreement(passage, hits));
    else for (const arm of this.shown)
      line(arm, "", !this.bits.has(arm) ? make("div", { class: "quiet", "data-none": arm }, this.none(arm))
        : this.every ? this.often(passage, arm, hits) : this.spans(passage, arm, hits));
    return section;
  }

  spans(passage, arm, hits) {
    const at = this.offsets[passage];
    const n = this.passages.begin[passage].length;
    const spans = spansOf(n, (i) => this.times(arm, at + i) > 0, (i) => this.inserted(arm, at + i));
    const text = make("div", { class: "text", dir: "auto", "data-arm": arm });
    const writer = new Writer(this.passages, passage, this.white, at, hits);
    for (const [first, last] of spans) {
      text.append(...writer.until(first));
      text.append(make("mark", { "data-tokens": `${first}-${last}` }, ...(last > first ? writer.masked(first, last) : [])));
    }
    text.append(...writer.rest());
    return text;
  }

  // Each token as dark as its share; `say` puts the share into words.
  shaded(passage, hits, share, say) {
    const text = make("div", { class: "text", dir: "auto" });
    const writer = new Writer(this.passages, passage, this.white, this.offsets[passage], hits);
    this.passages.begin[passage].forEach((_, i) => {
      const part = share(this.offsets[passage] + i);
      if (!part) return;
      text.append(...writer.until(i));
      const token = make("span", { class: "heat", title: say(this.offsets[passage] + i), "data-token": i }, ...writer.masked(i, i + 1));
      token.style.backgroundColor = `rgba(var(--heat), ${(0.12 + 0.88 * part).toFixed(2)})`;
      text.append(token);
    });
    text.append(...writer.rest());
    return text;
  }

  often(passage, arm, hits) {
    const text = this.shaded(passage, hits, (token) => this.times(arm, token) / this.about.made[arm],
      (token) => `masked in ${this.times(arm, token)} of ${this.about.made[arm]} epochs`);
    text.dataset.arm = arm;
    return text;
  }

  agreement(passage, hits) {
    const by = (token) => this.having.filter((arm) => this.times(arm, token));
    return this.shaded(passage, hits, (token) => by(token).length / this.having.length,
      (token) => `masked by ${by(token).length} of ${this.having.length}: ${by(token).join(", ")}`);
  }
}

// Writes the characters of a passage from left to right, each once. Tokens count code points.
class Writer {
  constructor(passages, passage, white, offset, hits) {
    this.characters = Array.from(passages.texts[passage]);
    this.begin = passages.begin[passage];
    this.end = passages.end[passage];
    this.white = white;
    this.offset = offset;
    this.hits = hits;
    this.at = 0;
  }

  until(token) { return this.write(Math.max(this.at, this.begin[token]), false); }

  rest() { return this.write(this.characters.length, false); }

  masked(first, last) {
    this.at = Math.max(this.at, this.begin[first]);
    const seen = new Set();
    for (let i = first; i < last; i += 1)
      if (this.white.has(this.offset + i)) for (let c = this.begin[i]; c < this.end[i]; c += 1) seen.add(c);
    const written = this.write(Math.max(this.at, ...this.end.slice(first, last)), seen);
    return written.length ? written : ["␣"];
  }

  write(stop, seen) {
    const pieces = [];
    let text = "", hit = false;
    const flush = () => {
      if (text) pieces.push(hit ? make("span", { class: "hit" }, text) : text);
      text = "";
    };
    const hits = this.hits ? [...this.hits] : [];
    for (; this.at < stop; this.at += 1) {
      const isHit = hits.some((i) => this.begin[i] <= this.at && this.at < this.end[i]);
      if (isHit !== hit) { flush(); hit = isHit; }
      const character = this.characters[this.at];
      const sign = { "\n": "↵", "\t": "⇥" }[character];
      text += seen && seen.has(this.at) ? sign ?? "␣" : sign ? " " : character;
    }
    flush();
    return pieces;
  }
}

document.addEventListener("DOMContentLoaded", async () => {
  const about = JSON.parse(document.getElementById("about").textContent);
  const viewer = new Viewer(about, await site.load(`masks/${about.name}/passages`));
  for (const [name, value] of new URLSearchParams(location.hash.slice(1)))
    if (viewer.form.elements[name]) viewer.form.elements[name].value = value;
  viewer.form.addEventListener("submit", (event) => event.preventDefault());
  viewer.form.addEventListener("input", () => viewer.update());
  document.getElementById("arms").addEventListener("input", () => viewer.update());
  await viewer.update();
});
