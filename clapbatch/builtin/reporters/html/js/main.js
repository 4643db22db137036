// Puts the page together, and goes from view to view by the address: #matrix, #song-3, #song-3-7
// (with query 7), #queries, #query-7, #similar, #similar-3, #about.

const MOST_WARNINGS = 5; // at the top of the page; all of them stand under About
writeHeader();
setTheme(remembered());
const views = {
  matrix: makeMatrixView(byId("view-matrix")),
  song: makeSongView(byId("view-song")),
  queries: makeQueriesView(byId("view-queries")),
  query: makeQueryView(byId("view-query")),
  similar: makeSimilarView(byId("view-similar")),
  about: makeAboutView(byId("view-about")),
};
let inView = null;

function route() {
  const [, wanted, ...numbers] = /^#(\w+)(?:-(\d+))?(?:-(\d+))?$/.exec(location.hash) ?? [];
  const given = numbers.filter((text) => text !== undefined).map(Number);
  const needed = { song: 1, query: 1 }[wanted] ?? 0;
  const known = Object.hasOwn(views, wanted ?? "") && given.length >= needed && (views[wanted].knows?.(...given) ?? true);
  const name = known ? wanted : songCount && !queryCount ? "similar" : "matrix";
  const view = views[name];
  if (inView) views[inView].leave();
  for (const other of Object.keys(views)) byId(`view-${other}`).hidden = other !== name;
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  view.show(...(known ? given : []));
  document.title = `${view.title} – clapbatch`;
  if (inView !== null) { // not at the first view: reading starts at the top of the page
    if (name !== inView || name === "song") scrollTo(0, 0);
    (view.heading ?? byId("content")).focus({ preventScroll: true });
  }
  inView = name;
}

function writeHeader() {
  const { songs, queries, failures } = data.counts;
  byId("headline").textContent = `${count(songs, "song", "songs")}, ${count(queries, "query", "queries")}`;
  const facts = [];
  if (data.encoder) facts.push(`heard by the encoder ${data.encoder}`);
  if (failures) {
    facts.push(element("a", { href: "#about" }, `${count(failures, "song", "songs")} without a result`));
  }
  byId("facts").replaceChildren(...facts.flatMap((fact, i) => [i ? " · " : "", fact]));
  const doubted = data.queries.map((_, query) => query).filter((query) => data.queries[query].note);
  byId("warnings").append(...data.warnings.slice(0, MOST_WARNINGS).map((text) => warning(text)));
  if (data.warnings.length > MOST_WARNINGS) {
    const others = count(data.warnings.length - MOST_WARNINGS, "more warning", "more warnings");
    byId("warnings").append(warning(element("a", { href: "#about" }, others)));
  }
  if (doubted.length) {
    const few = doubted.slice(0, 5).flatMap((query, i) => [i ? ", " : "",
      element("a", { href: `#query-${query}` }, nameOf(data.queries[query].name))]);
    byId("warnings").append(warning(
      `${count(doubted.length, "query is", "queries are")} outside what the encoder understands well; do not trust the scores: `,
      ...few, ...(doubted.length > 5 ? [" and ", element("a", { href: "#about" }, "others")] : [])));
  }
  byId("warnings").append(...data.limits.map((limit) => element("p", { class: "remark" }, limit)));
}

function warning(...content) {
  return element("p", { class: "warning" }, element("span", { "aria-hidden": "true" }, "⚠ "), ...content);
}

// The choice of theme outlives the page where the browser lets it; else it is the system's.
function remembered() {
  try { return localStorage.getItem("clapbatch-theme"); } catch { return null; }
}
byId("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  setTheme(theme);
  try { localStorage.setItem("clapbatch-theme", theme); } catch { /* then it lasts as long as the page */ }
});
darkByDefault.addEventListener("change", () => { if (!document.documentElement.dataset.theme) setTheme(null); });

byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address belongs to the views
  byId("content").focus();
});

// Paper is light whatever the screen is. Registered in the capturing phase to come before the views.
let themeOnScreen = null;
addEventListener("beforeprint", () => {
  themeOnScreen = document.documentElement.dataset.theme ?? null;
  setTheme("light");
}, true);
addEventListener("afterprint", () => setTheme(themeOnScreen), true);

addEventListener("hashchange", route);
route();
performance.mark("usable");
