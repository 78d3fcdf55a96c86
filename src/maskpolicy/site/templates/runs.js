// The trainings of a study: a list, and the one that the address names.
"use strict";

function short(value) { return Number(value.toPrecision(4)).toLocaleString("en", { maximumSignificantDigits: 4 }); }

// A curve with its ends written out; what is under the pointer is said below it.
function curve(name, points) {
  const [width, height, left, bottom, top] = [680, 240, 64, 26, 10];
  const xs = points.map((point) => point[0]), ys = points.map((point) => point[1]);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const x = (value) => left + ((value - x0) / (x1 - x0 || 1)) * (width - left - 10);
  const y = (value) => height - bottom - ((value - y0) / (y1 - y0 || 1)) * (height - bottom - top);
  const line = points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const label = (at, height_, text, anchor) => svg("text", { x: at, y: height_, "text-anchor": anchor }, text);
  const dot = svg("circle", { class: "dot", r: 4, visibility: "hidden" });
  const [first, last] = [points[0], points[points.length - 1]];
  const resting = `${name.replace(/_/g, " ")}: ${short(first[1])} at step ${short(first[0])}, ${short(last[1])} at step ${short(last[0])}`;
  const said = make("figcaption", null, resting);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "curve", role: "img", "aria-label": resting },
    ...[y0, (y0 + y1) / 2, y1].map((value) => svg("line", { class: "axis", x1: left, x2: width - 10, y1: y(value), y2: y(value) })),
    ...[y0, (y0 + y1) / 2, y1].map((value) => label(left - 8, y(value) + 4, short(value), "end")),
    ...[x0, (x0 + x1) / 2, x1].map((value, i) => label(x(value), height - 6, i ? short(Math.round(value)) : `step ${short(value)}`, ["start", "middle", "end"][i])),
    svg("polyline", { class: "line", points: line }), dot);
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * width;
    const near = points.reduce((best, point) => (Math.abs(x(point[0]) - at) < Math.abs(x(best[0]) - at) ? point : best));
    for (const [key, value] of [["cx", x(near[0])], ["cy", y(near[1])], ["visibility", "visible"]]) dot.setAttribute(key, value);
    said.textContent = `step ${short(near[0])}: ${short(near[1])}`;
  });
  picture.addEventListener("pointerleave", () => { dot.setAttribute("visibility", "hidden"); said.textContent = resting; });
  return make("figure", { class: "drawn" }, picture, said);
}

function show(run) {
  const parts = [make("h2", null, run.title), make("p", { class: "notes" }, run.kind)];
  const names = Object.keys(run.curves);
  if (names.length) {
    const place = make("div", null, curve(names[0], run.curves[names[0]]));
    const choice = make("select", null, ...names.map((name) => make("option", { value: name }, name.replace(/_/g, " "))));
    choice.addEventListener("input", () => place.replaceChildren(curve(choice.value, run.curves[choice.value])));
    parts.push(make("label", { class: "notes" }, "Curve ", choice), place);
  }
  const facts = make("dl");
  for (const [name, value] of run.facts) facts.append(make("dt", null, name), make("dd", null, value));
  if (run.facts.length) parts.push(facts);
  for (const [text, target] of run.links) {
    const [page, place] = target.split("#");
    parts.push(make("p", null, make("a", { href: place ? `${page}#${encodeURIComponent(place)}` : page }, text)));
  }
  parts.push(make("h3", null, "Made again by"), make("pre", { class: "wrapped", tabindex: "0" }, run.command),
    make("h3", null, "Folder"), make("p", null, make("code", null, run.folder)));
  if (run.settings) parts.push(make("h3", null, "Settings"), make("pre", { tabindex: "0" }, run.settings));
  if (run.log) parts.push(make("h3", null, "The end of its log"), make("pre", { tabindex: "0" }, run.log));
  document.getElementById("run").replaceChildren(...parts);
}

document.addEventListener("DOMContentLoaded", async () => {
  const runs = await site.load("runs");
  const list = document.getElementById("list"), seek = document.getElementById("seek");
  let asked = "";
  const chosen = () => (asked ? runs.find((run) => run.id === asked) : runs[0]);
  const write = () => {
    const sought = seek.value.toLowerCase();
    let kind = "";
    list.replaceChildren();
    for (const run of runs) {
      if (!`${run.kind} ${run.title} ${run.id}`.toLowerCase().includes(sought)) continue;
      if (run.kind !== kind) list.append(make("li", { class: "kind" }, (kind = run.kind)));
      list.append(make("li", null, make("a", { href: "#" + encodeURIComponent(run.id), "aria-current": run === chosen() && "true" }, run.title)));
    }
  };
  const go = () => {
    const place = decodeURIComponent(location.hash.slice(1));
    if (!document.getElementById(place)) asked = place; // not where one skips to the content
    if (chosen()) show(chosen());
    else document.getElementById("run").replaceChildren(make("h2", null, asked ? "Not listed" : "None is there yet"),
      make("p", { class: "wrapped" }, asked ? `No training of that name was there when this page was made: ${asked}` : ""));
    write();
  };
  seek.addEventListener("input", write);
  window.addEventListener("hashchange", go);
  go();
  const current = list.querySelector("[aria-current]");
  if (current) list.scrollTop = current.offsetTop - list.offsetTop - list.clientHeight / 2;
});
