// One song: its player, its timeline, every query's score, the songs most like it.

const MOMENTS = 3; // best moments shown for each chosen query

function makeSongView(host) {
  const heading = element("h2", { tabindex: "-1" });
  const facts = element("p", { class: "facts" });
  const graph = element("div", { class: "graph" });
  const moments = element("div", { class: "moments" });
  const scores = element("div");
  const alike = element("div");
  let current = null, chosen = [], cosines = null, timeline = null;

  host.append(
    element("p", { class: "back" }, element("a", { href: "#matrix" }, "← All songs")),
    heading, facts, graph,
    element("div", { class: "song-columns" },
      element("div", {}, element("h3", {}, "Every query"), scores),
      element("div", {}, moments, alike)));

  function show(song, query) {
    if (song !== current) {
      current = song;
      cosines = queryCount ? timelineOf(song) : null;
      chosen = queriesByScore(song).slice(0, MOMENTS);
      heading.replaceChildren(nameOf(data.songs[song]));
      facts.textContent = `${clock(data.durations[song])} long · heard in ${count(data.windows[song].count, "window", "windows")}`;
    }
    if (query !== undefined && !chosen.includes(query)) chosen = [query, ...chosen].slice(0, MOMENTS + 1);
    player.offer(song);
    drawScores();
    drawGraph();
    alike.replaceChildren(...(nearest ? [element("h3", {}, "Most similar songs"), nearestList(song)] : []));
  }

  const queriesByScore = (song) => data.queries.map((_, query) => query)
    .sort((a, b) => descending(scoreOf(song, a), scoreOf(song, b)) || a - b);

  function toggle(query) {
    chosen = chosen.includes(query) ? chosen.filter((other) => other !== query) : [...chosen, query];
    drawGraph();
    drawTicks();
  }

  function drawGraph() {
    timeline?.remove();
    timeline = null;
    moments.replaceChildren();
    if (!queryCount) return graph.replaceChildren();
    if (!cosines) {
      return graph.replaceChildren(element("p", { class: "help" },
        "The timeline of this song is not on this page, which would be too large with all of them; "
        + "segments.csv has it. The best moments in the table are here."));
    }
    if (!chosen.length) {
      return graph.replaceChildren(element("p", { class: "help" }, "Choose queries below to see them over the song."));
    }
    const best = chosen.map((query) => ({ query, best: bestMoments(current, query, cosines, MOMENTS) }));
    const reading = element("p", { class: "reading" });
    timeline = makeTimeline(current, cosines, chosen,
      best.map(({ query, best: found }) => ({ query, spans: found.map(({ moment }) => moment) })),
      (window, readings) => {
        reading.replaceChildren(element("strong", {}, span(window)), ...readings.map(([query, score], i) =>
          element("span", {}, swatch(i), nameOf(data.queries[query].name), ` ${number(score ?? NaN)}`)));
      });
    reading.textContent = "Point at the graph to read it; click to hear that moment.";
    graph.replaceChildren(legend(), timeline.node, reading,
      element("p", { id: "timeline-help", class: "unseen" }, "Left and right arrow keys move through the song, Enter plays from there."));
    moments.append(element("h3", {}, "Best moments"), ...best.map(({ query, best: found }, i) =>
      element("div", { class: "moment-line" }, swatch(i), queryLink(query),
        element("span", { class: "moment-buttons" }, ...found.map(({ moment, score }) =>
          element("span", {}, momentButton(current, moment), ` ${number(score)}`))))));
    timeline.follow();
  }

  function swatch(line) {
    const mark = element("span", { class: "swatch", "aria-hidden": "true" });
    mark.style.background = lineColour(line);
    return mark;
  }

  function legend() {
    return element("div", { class: "chosen" }, ...chosen.map((query, i) => element("button", {
      type: "button", class: "chip", title: "Take off the graph", onclick: () => toggle(query),
    }, swatch(i), nameOf(data.queries[query].name), element("span", { "aria-hidden": "true" }, " ×"),
      element("span", { class: "unseen" }, " (take off the graph)"))));
  }

  let ticks = new Map();
  function drawScores() {
    if (!queryCount) return scores.replaceChildren(element("p", { class: "help" }, "No queries were asked."));
    const song = current;
    const range = extent(data.queries.map((_, query) => scoreOf(song, query)));
    const ranks = data.queries.map((_, query) => rankOf(song, query)); // among all songs
    ticks = new Map(data.queries.map((query, i) => [i, element("input", {
      type: "checkbox", "aria-label": `Show ${query.name} on the graph`, onchange: () => toggle(i),
    })]));
    const by = (read) => (a, b) => descending(read(a), read(b)) || a - b;
    scores.replaceChildren(table(`Scores of ${data.songs[song]}`, [
      { title: "Graph", cell: (query) => ticks.get(query), kind: "tick" },
      { title: "Query", cell: queryLink, header: true, compare: (a, b) => byName(data.queries[a].name, data.queries[b].name) || a - b },
      { title: "Score", cell: (query) => scoreBar(scoreOf(song, query), range), compare: by((query) => scoreOf(song, query)) },
      { title: "Label", cell: (query) => labelMark(labelOf(song, query)) },
      { title: "Rank", numeric: true, cell: (query) => String(ranks[query]), compare: (a, b) => ranks[a] - ranks[b] || a - b },
      ...evidenceColumns((query) => [song, query]),
    ], data.queries.map((_, query) => query), { column: 2, backwards: false }));
    drawTicks();
  }
  function drawTicks() {
    for (const [query, tick] of ticks) {
      tick.checked = chosen.includes(query);
      tick.disabled = !cosines || (!tick.checked && chosen.length >= MOST_LINES);
    }
  }

  player.onChange(() => timeline?.follow());
  onThemeChange.push(() => { if (!host.hidden) drawGraph(); });
  return {
    show(song, query) {
      show(song, query);
      this.title = data.songs[song];
    },
    leave() {},
    heading,
    knows: (song, query) => song < songCount && (query === undefined || query < queryCount),
  };
}

// The columns that a song's and a query's table share; cellOf: item → [song, query].
function evidenceColumns(cellOf) {
  const kinds = [["Highest", "maximum"], ["Lowest", "minimum"], ["Spread", "deviation"]];
  return [
    ...kinds.map(([title, kind]) => ({
      title, numeric: true,
      cell: (item) => number(evidenceOf(kind, ...cellOf(item))),
      compare: (a, b) => descending(evidenceOf(kind, ...cellOf(a)), evidenceOf(kind, ...cellOf(b))) || a - b,
    })),
    { title: "Best moment", kind: "moment-cell", cell: (item) => momentButton(cellOf(item)[0], bestMoment(...cellOf(item))) },
  ];
}

function nearestOf(song) {
  return Array.from({ length: nearest.count }, (_, i) => ({
    song: nearest.songs[song * nearest.count + i],
    similarity: nearest.similarity[song * nearest.count + i],
  }));
}

function nearestList(song) {
  return element("ol", { class: "nearest" }, ...nearestOf(song).map((other) => element("li", {},
    element("span", { class: "nearest-line" }, songLink(other.song),
      element("span", { class: "number" }, number(other.similarity)),
      labelMark(labelFor(other.similarity, data.songThresholds))))));
}
