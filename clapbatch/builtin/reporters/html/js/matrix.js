// The view of all songs and all queries: order, filters, the legend, and the card of one cell.

function makeMatrixView(host) {
  const state = {
    songsBy: "similar", queriesBy: "similar", songText: "", queryText: "",
    labels: new Set(LABELS), ownScale: false, size: "auto",
  };
  const card = element("div", { class: "card", hidden: true });
  const summary = element("p", { class: "summary", role: "status" });
  const map = makeHeatmap({
    open: (song, query) => { location.hash = songHash(song, query); },
    sort: (query) => {
      state.songsBy = state.songsBy === `query-${query}` ? "similar" : `query-${query}`;
      songsBy.querySelector("select").value = state.songsBy;
      update();
    },
    point: showCard,
  });
  const allScores = matchingRange();
  const ownScores = data.queries.map((_, query) => extent(data.songs.map((_, song) => scoreOf(song, query))));

  const songsBy = choice("Songs", [
    ["similar", "similar together"], ["file", "by folder and name"], ["best", "highest score first"],
    ...data.queries.map((query, i) => [`query-${i}`, `best for: ${query.name}`]),
  ], state.songsBy, (value) => { state.songsBy = value; update(); });
  const queriesBy = choice("Queries", [
    ["similar", "similar together"], ["file", "as in the list"], ["name", "by name"], ["best", "highest score first"],
  ], state.queriesBy, (value) => { state.queriesBy = value; update(); });
  const colours = choice("Colours", [["all", "one scale"], ["own", "by query"]],
    "all", (value) => { state.ownScale = value === "own"; update(); });
  const size = choice("Rows", [["auto", "fitting"], ["large", "roomy"], ["small", "at a glance"]],
    "auto", (value) => { state.size = value; update(); });
  for (const narrow of [colours, size]) narrow.classList.add("narrow");
  const labels = element("fieldset", { class: "labels" }, element("legend", {}, "Labels"),
    ...LABELS.map((label) => {
      const tick = element("input", {
        type: "checkbox", checked: true, onchange: () => {
          if (tick.checked) state.labels.add(label); else state.labels.delete(label);
          update();
        },
      });
      return element("label", {}, tick, labelMark(label));
    }));
  const legend = element("figure", { class: "legend" });

  host.append(
    element("h2", { class: "unseen", tabindex: "-1" }, "Scores"),
    element("div", { class: "toolbar" },
      searchField("Find songs", (typed) => { state.songText = typed; update(); }),
      searchField("Find queries", (typed) => { state.queryText = typed; update(); }), songsBy, queriesBy, labels, colours, size),
    summary, map.node, card,
    element("p", { id: "matrix-help", class: "help" },
      "Point at a cell to read it, click to keep it, double-click to open the song. A query’s name "
      + "sorts by it. With the keyboard: arrow keys move, Enter opens the song, S sorts by the "
      + "query, Escape lets go. The same numbers stand in tables on each song’s and query’s page."),
    legend);

  // Which songs and queries, in which order.
  function columnsNow() {
    const fits = matcher(state.queryText);
    const all = data.queries.map((_, query) => query).filter((query) => fits(data.queries[query].name));
    if (state.queriesBy === "similar") return data.queryOrder.filter((query) => all.includes(query));
    if (state.queriesBy === "name") all.sort((a, b) => byName(data.queries[a].name, data.queries[b].name) || a - b);
    if (state.queriesBy === "best") all.sort((a, b) => ownScores[b][1] - ownScores[a][1] || a - b);
    return all;
  }

  function rowsNow(columns, sortedBy) {
    const fits = matcher(state.songText);
    let order = data.songs.map((_, song) => song);
    if (sortedBy !== null) order = rankingFor(sortedBy);
    else if (state.songsBy === "similar") order = data.songOrder;
    else if (state.songsBy === "best") {
      const best = order.map((song) => columns.reduce((most, query) => Math.max(most, scoreOf(song, query)), -Infinity));
      order.sort((a, b) => best[b] - best[a] || a - b);
    }
    const asked = sortedBy === null ? columns : [sortedBy];
    const everyLabel = state.labels.size === LABELS.length;
    return order.filter((song) => fits(data.songs[song])
      && (everyLabel || asked.some((query) => state.labels.has(labelOf(song, query)))));
  }

  function update() {
    const columns = columnsNow();
    const sortedBy = state.songsBy.startsWith("query-") ? Number(state.songsBy.slice(6)) : null;
    const rows = rowsNow(columns, sortedBy);
    const everyLabel = state.labels.size === LABELS.length;
    map.show({
      rows, columns, sortedBy, size: state.size,
      shareOf: (song, query) => shareWithin(scoreOf(song, query), state.ownScale ? ownScores[query] : allScores),
      faint: everyLabel ? () => false : (song, query) => !state.labels.has(labelOf(song, query)),
    });
    summary.replaceChildren(
      `${rows.length.toLocaleString("en")} of ${count(songCount, "song", "songs")}, `
      + `${columns.length} of ${count(queryCount, "query", "queries")}`);
    if (sortedBy !== null) {
      summary.append(element("span", {}, " · best first for ", queryLink(sortedBy)));
    }
    drawLegend();
  }

  function drawLegend() {
    const bar = element("canvas", { class: "ramp", width: STEPS, height: 1, "aria-hidden": "true" });
    const pen = bar.getContext("2d");
    for (let step = 0; step < STEPS; step++) {
      pen.fillStyle = scale.css(step / (STEPS - 1));
      pen.fillRect(step, 0, 1, 1);
    }
    const [low, high] = allScores;
    const ends = state.ownScale ? ["each query’s lowest", "its highest"] : [`${number(low)} or less`, number(high)];
    const limits = data.thresholds.map(number);
    const marks = state.ownScale ? [] : data.thresholds.map((limit, i) => {
      const mark = element("span", { class: "ramp-mark" }, LABELS[i]);
      mark.style.left = `${100 * shareWithin(limit, allScores)}%`;
      return mark;
    });
    legend.replaceChildren(
      element("div", { class: "ramp-line" }, element("span", {}, ends[0]),
        element("div", { class: "ramp-box" }, bar, ...marks), element("span", {}, ends[1])),
      element("figcaption", {},
        "A score says how close a song is to the words, for the encoder: at most 1, and around 0 for "
        + "nothing in common. ", labelMark("HIGH"), ` is above ${limits[0]}, `,
        labelMark("MODERATE"), ` above ${limits[1]}, `, labelMark("LOW"), " is the rest. "
        + "Compare songs within one query rather than one query with another: some words score "
        + "higher with all music."));
  }

  // The card of a cell: beside it, and inside the window.
  function showCard(song, cellQuery, place, pinned) {
    card.hidden = song === null;
    if (song === null) return;
    const [score, label] = [scoreOf(song, cellQuery), labelOf(song, cellQuery)];
    const moment = bestMoment(song, cellQuery);
    const query = data.queries[cellQuery];
    const facts = [["highest", "maximum"], ["lowest", "minimum"], ["spread", "deviation"]];
    card.classList.toggle("pinned", pinned);
    card.replaceChildren(
      element("p", { class: "card-song" }, nameOf(data.songs[song])),
      element("p", { class: "card-query" }, nameOf(query.name)),
      element("p", { class: "card-score" }, element("strong", {}, number(score)), " ", labelMark(label)),
      element("dl", {},
        element("dt", {}, "rank"), element("dd", {}, `${rankOf(song, cellQuery)} of ${count(songCount, "song", "songs")}`),
        ...facts.flatMap(([words, kind]) => [element("dt", {}, words), element("dd", {}, number(evidenceOf(kind, song, cellQuery)))]),
        element("dt", {}, "best moment"), element("dd", {}, pinned ? momentButton(song, moment) : span(moment))));
    if (query.note) card.append(element("p", { class: "doubt-note" }, `⚠ ${query.note}`));
    if (pinned) {
      card.append(element("p", { class: "card-links" },
        element("a", { href: songHash(song, cellQuery) }, "Open song"),
        element("a", { href: `#query-${cellQuery}` }, "Rank all songs")));
      announce(`${data.songs[song]}, ${query.name}: ${number(score)}, ${label}, best moment ${clock(moment[0])}`
        + `${query.note ? `. Beware: ${query.note}` : ""}`);
    }
    const { width, height } = card.getBoundingClientRect();
    const room = { x: document.documentElement.clientWidth, y: innerHeight };
    const left = place.right + 12 + width < room.x ? place.right + 12 : Math.max(8, place.left - 12 - width);
    card.style.left = `${left}px`;
    card.style.top = `${Math.max(8, Math.min(place.top, room.y - height - 8))}px`;
  }

  onThemeChange.push(() => { map.refresh(); drawLegend(); });
  // A sheet of paper is as wide as it is and cannot be scrolled; rows become as low as they must.
  addEventListener("beforeprint", () => {
    host.classList.add("on-paper");
    map.setPrinting(true);
  });
  addEventListener("afterprint", () => {
    host.classList.remove("on-paper");
    map.setPrinting(false);
  });

  if (!songCount || !queryCount) {
    const words = songCount
      ? "No queries were asked, so there are no scores. See the similar songs."
      : "No song gave a result. See “About this run” for the reasons.";
    host.replaceChildren(element("p", { class: "help" }, words));
    return { show() {}, leave() {}, title: "Scores" };
  }
  update();
  return {
    title: "Scores", map,
    show: () => map.refresh(),
    leave: () => map.release(),
  };
}

// The range of the common colour scale. It is about matches: the lower quarter of all scores is as
// pale as the paper, and the dark end is never below the limit of HIGH, so that a page on which
// nothing matches is a pale page.
function matchingRange() {
  const sorted = values.filter((score) => !Number.isNaN(score)).sort();
  const [high, moderate] = data.thresholds;
  const [, most] = extent(sorted);
  const quarter = sorted.length ? sorted[Math.floor(sorted.length / 4)] : moderate;
  return [Math.min(quarter, moderate), Math.max(most, high)];
}

// The lowest and highest of some numbers, leaving out those that are not known.
function extent(numbers) {
  let [low, high] = [Infinity, -Infinity];
  for (const x of numbers) {
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return low <= high ? [low, high] : [0, 1];
}
const shareWithin = (x, [low, high]) => (high > low ? (x - low) / (high - low) : 0.5);
