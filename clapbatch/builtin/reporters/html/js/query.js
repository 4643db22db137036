// One query: its songs from best to worst, each with the moment to listen to.

function makeQueryView(host) {
  const heading = element("h2", { tabindex: "-1" });
  const about = element("div");
  const songs = element("div");
  const find = searchField("Find songs", () => fill());
  let current = null;
  host.append(element("p", { class: "back" }, element("a", { href: "#matrix" }, "← All queries")),
    heading, about, element("div", { class: "toolbar" }, find), songs);

  function fill() {
    const query = current;
    const fits = matcher(find.querySelector("input").value);
    const ranking = rankingFor(query);
    const ranks = new Map(ranking.map((song, place) => [song, place + 1]));
    const range = extent(ranking.map((song) => scoreOf(song, query)));
    const byRank = (a, b) => ranks.get(a) - ranks.get(b);
    songs.replaceChildren(table(`Songs for ${data.queries[query].name}`, [
      { title: "Rank", numeric: true, cell: (song) => String(ranks.get(song)), compare: byRank },
      { title: "Song", header: true, cell: (song) => songLink(song, query), compare: (a, b) => byName(data.songs[a], data.songs[b]) || a - b },
      { title: "Score", cell: (song) => scoreBar(scoreOf(song, query), range), compare: byRank },
      { title: "Label", cell: (song) => labelMark(labelOf(song, query)) },
      ...evidenceColumns((song) => [song, query]),
    ], ranking.filter((song) => fits(data.songs[song])), { column: 0, backwards: false }));
  }

  function show(query) {
    current = query;
    const { name, prompts, note } = data.queries[query];
    heading.replaceChildren(nameOf(name));
    const counts = LABELS.map((label) => [label, rankingFor(query).filter((song) => labelOf(song, query) === label).length]);
    about.replaceChildren(
      ...(prompts.length ? [element("p", { class: "facts" }, "Asked as: ",
        ...prompts.flatMap((prompt, i) => [i ? ", " : "", element("q", {}, nameOf(prompt))]))] : []),
      ...(note ? [element("p", { class: "warning" }, `⚠ ${note}`)] : []),
      element("p", { class: "facts" }, ...counts.flatMap(([label, songs_]) => [labelMark(label), ` ${songs_.toLocaleString("en")}   `])));
    fill();
  }
  return {
    show(query) {
      show(query);
      this.title = data.queries[query].name;
    },
    leave() {},
    heading,
    knows: (query) => query < queryCount,
  };
}

// All queries, each with the songs that fit it best: the short answer to the whole run.
function makeQueriesView(host) {
  const heading = element("h2", { tabindex: "-1" }, "Best songs for each query");
  const listing = element("div");
  const find = searchField("Find queries", () => fill());
  host.append(heading, element("div", { class: "toolbar" }, find), listing);
  const bestOf = (query) => rankingFor(query)[0];

  function fill() {
    if (!songCount || !queryCount) {
      return listing.replaceChildren(element("p", { class: "help" }, "There are no scores in this run."));
    }
    const fits = matcher(find.querySelector("input").value);
    const queries = data.queries.map((_, query) => query).filter((query) => fits(data.queries[query].name));
    const range = extent(queries.map((query) => scoreOf(bestOf(query), query)));
    listing.replaceChildren(table("Best songs for each query", [
      { title: "Query", header: true, cell: queryLink, compare: (a, b) => byName(data.queries[a].name, data.queries[b].name) || a - b },
      { title: "Best song", kind: "song", cell: (query) => songLink(bestOf(query), query) },
      { title: "Score", cell: (query) => scoreBar(scoreOf(bestOf(query), query), range), compare: (a, b) => descending(scoreOf(bestOf(a), a), scoreOf(bestOf(b), b)) || a - b },
      { title: "Label", cell: (query) => labelMark(labelOf(bestOf(query), query)) },
      { title: "Best moment", kind: "moment-cell", cell: (query) => momentButton(bestOf(query), bestMoment(bestOf(query), query)) },
      { title: "Then", kind: "wide-cell", cell: (query) => element("span", {}, ...rankingFor(query).slice(1, 3)
        .flatMap((song, i) => [i ? " · " : "", songLink(song, query), ` ${number(scoreOf(song, query))}`])) },
    ], queries));
  }
  let filled = false;
  return {
    title: "Best songs for each query", heading,
    show() {
      if (!filled) fill();
      filled = true;
    },
    leave() {},
  };
}
