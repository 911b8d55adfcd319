// Searches and sorts the list of movies in movies.js. Everything is shown as text: nothing of it is parsed as HTML.
"use strict";

(() => {
  const movies = window.MOVIES;
  if (!movies) return;
  const SHOWN = 50;
  const NONE = "–";
  const FIND = "#find=";
  const PLAIN = /PLAIN_IDS/;
  const SVG = "http://www.w3.org/2000/svg";

  const ids = movies.ids.split("\n");
  const titles = movies.titles.split("\n");
  const total = movies.reviews.length;
  const names = ids.slice(0, total).map((id, place) => titles[place] || id);
  const fold = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const folded = names.map(fold);
  const searched = folded.map((name, place) => `${name} ${fold(ids[place])} ${movies.years[place] || ""}`);

  const table = document.getElementById("movies");
  const body = table.tBodies[0];
  const words = document.getElementById("words");
  const enough = document.getElementById("enough");
  const found = document.getElementById("found");
  const more = document.getElementById("more");
  const numbers = new Intl.NumberFormat("en");

  let sorted = { by: "reviews", descending: true };
  let shown = SHOWN;
  const orders = {};

  function findKey(by) {
    return by === "title" ? folded : by === "year" ? movies.years : movies[by];
  }

  // Movies that are equal in a column stay in the order of the list, by the number of their reviews.
  function order() {
    const name = `${sorted.by} ${sorted.descending}`;
    if (!orders[name]) {
      const key = findKey(sorted.by);
      const sign = sorted.descending ? -1 : 1;
      const places = Array.from({ length: total }, (_, place) => place);
      orders[name] = places.sort((a, b) => (key[a] < key[b] ? -sign : key[a] > key[b] ? sign : a - b));
    }
    return orders[name];
  }

  function match() {
    const asked = fold(words.value).split(/\s+/).filter(Boolean);
    const fewest = enough.checked ? Number(enough.value) : 0;
    if (!asked.length && !fewest) return order();
    return order().filter(
      (place) => movies.reviews[place] >= fewest && asked.every((word) => searched[place].includes(word)),
    );
  }

  function makeCell(kind, text, isNumber) {
    const cell = document.createElement(kind);
    cell.textContent = text;
    if (isNumber) cell.className = "n";
    return cell;
  }

  function draw(kind, attributes) {
    const drawn = document.createElementNS(SVG, kind);
    for (const [name, value] of Object.entries(attributes)) drawn.setAttribute(name, value);
    return drawn;
  }

  function drawRange(place) {
    const at = (stars) => 6 + 20 * (Math.min(10, Math.max(1, stars)) - 1);
    const picture = draw("svg", { class: "range", viewBox: "0 0 192 12", "aria-hidden": "true" });
    picture.append(draw("path", { d: "M6 6H186" }));
    const [low, high] = [movies.low[place], movies.high[place]];
    if (low !== null && high !== null) {
      picture.append(draw("path", { class: "span", d: `M${at(low / 10)} 6H${at(high / 10)}` }));
    }
    picture.append(draw("circle", { cx: at(movies.stars[place] / 10000), cy: 6, r: 4.5 }));
    return picture;
  }

  function makeRow(place) {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.className = "long";
    const link = document.createElement("a");
    const page = PLAIN.test(ids[place]) ? ids[place] : movies.pages[place];
    link.href = `${table.dataset.pages}/${encodeURIComponent(page)}.html`;
    link.textContent = names[place];
    name.append(link);
    if (titles[place]) {
      const id = document.createElement("span");
      id.className = "meta";
      id.textContent = ids[place];
      name.append(id);
    }
    const range = document.createElement("td");
    range.append(drawRange(place));
    row.append(
      name,
      makeCell("td", (movies.stars[place] / 10000).toFixed(1), true),
      range,
      makeCell("td", numbers.format(movies.reviews[place]), true),
      makeCell("td", `${movies.positive[place]}\u00a0%`, true),
      makeCell("td", movies.years[place] || NONE, true),
    );
    return row;
  }

  function show() {
    const places = match();
    body.replaceChildren(...places.slice(0, shown).map(makeRow));
    more.hidden = places.length <= shown;
    const of = words.value.trim() || enough.checked ? `${numbers.format(places.length)} of ${numbers.format(total)}` : numbers.format(total);
    const movie = total === 1 ? "movie" : "movies";
    const none = `No movie ${enough.checked ? "with so many reviews " : ""}${words.value.trim() ? "is called so" : "is there"}`;
    found.textContent = places.length ? `${of} ${movie}` : `${none}; there are ${numbers.format(total)}.`;
  }

  function sortBy(head) {
    const by = head.dataset.sort;
    const descending = sorted.by === by ? !sorted.descending : by !== "title";
    sorted = { by, descending };
    for (const each of table.tHead.querySelectorAll("th")) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    shown = SHOWN;
    show();
  }

  function moveFocus(step) {
    const stops = [words, ...body.querySelectorAll("a")];
    const next = stops[stops.indexOf(document.activeElement) + step];
    if (next) next.focus();
  }

  for (const head of table.tHead.querySelectorAll("[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sortBy(head));
    head.replaceChildren(button);
  }
  words.addEventListener("input", () => {
    shown = SHOWN;
    history.replaceState(null, "", words.value ? FIND + encodeURIComponent(words.value) : "#");
    show();
  });
  enough.addEventListener("change", () => {
    shown = SHOWN;
    show();
  });
  // On the way back from a movie a browser checks the box again, after this script.
  window.addEventListener("pageshow", () => {
    if (enough.checked) show();
  });
  words.addEventListener("keydown", (event) => {
    const first = body.querySelector("a");
    if (event.key === "Enter" && first) first.click();
  });
  document.addEventListener("keydown", (event) => {
    const isHere = document.activeElement === words || body.contains(document.activeElement);
    if (!isHere || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
    event.preventDefault();
    moveFocus(event.key === "ArrowDown" ? 1 : -1);
  });
  more.addEventListener("click", () => {
    shown += SHOWN;
    show();
  });

  // The address keeps what was searched, for the way back from a movie.
  try {
    if (location.hash.startsWith(FIND)) words.value = decodeURIComponent(location.hash.slice(FIND.length));
  } catch {
    words.value = "";
  }
  document.getElementById("search").hidden = false;
  show();
})();
