// Building the page: elements, tables, announcements. Text goes in as text, never as markup.

const byId = (id) => document.getElementById(id);

// element("a", {href: "#x", class: "y", onclick: f}, "text", child, …)
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// A name in its own box: its direction (right-to-left, say) does not leak into what stands beside.
const nameOf = (text) => element("bdi", { class: "name" }, text);
const songLink = (song, query) =>
  element("a", { href: songHash(song, query) }, nameOf(data.songs[song]));
const songHash = (song, query) => `#song-${song}${query === undefined ? "" : `-${query}`}`;

function queryLink(query) {
  const link = element("a", { href: `#query-${query}` }, nameOf(data.queries[query].name));
  return element("span", {}, link, doubt(query));
}

// The mark of a query that the encoder does not understand well; null for all others.
function doubt(query) {
  const note = data.queries[query].note;
  if (!note) return null;
  return element("span", { class: "doubt", title: note },
    element("span", { "aria-hidden": "true" }, "⚠"),
    element("span", { class: "unseen" }, ` (beware: ${note})`));
}

function labelMark(label) {
  return element("span", { class: `label ${label.toLowerCase()}` }, label);
}

// A score with a bar whose length says where it lies between the page's lowest and highest.
function scoreBar(score, [low, high]) {
  const bar = element("span", { class: "bar", "aria-hidden": "true" });
  const share = high > low ? (score - low) / (high - low) : 1;
  bar.style.setProperty("--share", String(Number.isNaN(share) ? 0 : Math.min(1, Math.max(0, share))));
  return element("span", { class: "score" }, element("span", { class: "number" }, number(score)), bar);
}

function momentButton(song, moment) {
  const unseen = (words) => element("span", { class: "unseen" }, words);
  return element("button", {
    type: "button", class: "moment", onclick: () => player.play(song, moment[0]),
  }, unseen("Play "), span(moment), unseen(` of ${data.songs[song]}`));
}

// A select of [value, words] pairs with its own label.
function choice(words, pairs, chosen, onchange) {
  const select = element("select", { onchange: () => onchange(select.value) });
  for (const [value, text] of pairs) {
    select.append(element("option", { value, selected: value === chosen }, text));
  }
  return element("label", { class: "field" }, element("span", {}, words), select);
}

function searchField(words, oninput) {
  const input = element("input", {
    type: "search", autocomplete: "off", spellcheck: "false",
    oninput: () => oninput(input.value),
  });
  return element("label", { class: "field" }, element("span", {}, words), input);
}

// Does a name hold what was typed, whatever its case?
function matcher(typed) {
  const wanted = typed.trim().toLocaleLowerCase("en");
  return (name) => !wanted || name.toLocaleLowerCase("en").includes(wanted);
}

// columns: {title, cell: item → node or text, compare: (a, b) → number, numeric, header}.
// Long tables show a part and a button for more: a browser lays out thousands of rows slowly.
const ROWS_AT_ONCE = 200;
function table(caption, columns, items, sorted = null) {
  let order = [...items];
  let shownRows = ROWS_AT_ONCE;
  let by = sorted; // {column, backwards}
  const body = element("tbody");
  const more = element("button", { type: "button", onclick: () => { shownRows *= 5; fill(); } });
  const heads = columns.map((column, index) => {
    const attributes = { scope: "col", class: column.numeric ? "numeric" : "" };
    if (!column.compare) return element("th", attributes, column.title);
    const sort = () => {
      by = { column: index, backwards: by?.column === index && !by.backwards };
      arrange();
    };
    return element("th", attributes, element("button", { type: "button", onclick: sort }, column.title));
  });

  function arrange() {
    heads.forEach((head, index) => {
      if (by?.column === index) head.setAttribute("aria-sort", by.backwards ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    if (by) {
      const { compare } = columns[by.column];
      order = [...items].sort(by.backwards ? (a, b) => compare(b, a) : compare);
    }
    fill();
  }
  function fill() {
    body.replaceChildren(...order.slice(0, shownRows).map((item) => element("tr", {},
      ...columns.map((column) => element(column.header ? "th" : "td",
        { class: column.numeric ? "numeric" : column.kind, scope: column.header ? "row" : null },
        column.cell(item))))));
    more.hidden = shownRows >= order.length;
    more.textContent = `Show more (${Math.min(shownRows, order.length)} of ${order.length} shown)`;
  }
  arrange();
  return element("div", { class: "table" },
    element("table", {},
      element("caption", { class: "unseen" }, caption),
      element("thead", {}, element("tr", {}, ...heads)), body),
    more);
}

let announcing = 0;
// For those who cannot see the page; waits a moment, so that quick steps are not all read out.
function announce(words) {
  clearTimeout(announcing);
  announcing = setTimeout(() => { byId("announcer").textContent = words; }, 120);
}
