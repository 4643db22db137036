// Songs and songs: a map on which alike is near, and each song's nearest.

const NAMED_UP_TO = 40; // songs on the map before only the pointed-at one is named
const NEAREST_IN_TABLE = 3;

function makeSimilarView(host) {
  const heading = element("h2", { tabindex: "-1" }, "Similar songs");
  host.append(heading);
  if (!nearest) {
    host.append(element("p", { class: "help" }, "There are not two songs to compare, or this run did not compare songs with each other."));
    return { show() {}, leave() {}, title: "Similar songs", heading, knows: () => true };
  }
  const canvas = element("canvas", { role: "img", "aria-label": "Map of the songs; the table below has each song’s nearest" });
  const frame = element("div", { class: "map" }, canvas);
  const tip = element("div", { class: "map-tip", hidden: true });
  frame.append(tip);
  const side = element("div", { class: "map-side" });
  const listing = element("div");
  const find = searchField("Find songs", () => fillTable());
  let colourBy = null, chosen = null, hovered = null, places = [];

  const colours = queryCount ? choice("Colour by", [["", "nothing"],
    ...data.queries.map((query, i) => [String(i), query.name])], "",
  (value) => { colourBy = value === "" ? null : Number(value); draw(); }) : null;
  host.append(
    element("p", { class: "help" },
      "Songs that are alike to the encoder lie near each other. The directions mean nothing by themselves. "
      + `A flat map cannot keep everything: this one keeps ${Math.round(data.map.share * 100)} % of the differences; `
      + "the lists beside and below count them all."),
    element("div", { class: "toolbar" }, ...(colours ? [colours] : [])),
    element("div", { class: "map-columns" }, frame, side),
    element("h3", {}, "Each song’s nearest"), element("div", { class: "toolbar" }, find), listing);

  function draw() {
    const width = frame.clientWidth;
    if (!width) return;
    const height = Math.round(Math.min(560, Math.max(300, width * 0.7)));
    const ratio = devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const margin = 28;
    const [xs, ys] = [extent(data.map.x), extent(data.map.y)];
    // One scale for both directions: distances are what the map is about.
    const reach = Math.max((xs[1] - xs[0]) / (width - 2 * margin), (ys[1] - ys[0]) / (height - 2 * margin)) || 1;
    places = data.map.x.map((x, song) => [
      width / 2 + (x - (xs[0] + xs[1]) / 2) / reach,
      height / 2 - (data.map.y[song] - (ys[0] + ys[1]) / 2) / reach,
    ]);
    const range = colourBy === null ? null : extent(data.songs.map((_, song) => scoreOf(song, colourBy)));
    const radius = songCount > 2000 ? 2.5 : songCount > 200 ? 4 : 6;
    if (chosen !== null) {
      pen.strokeStyle = tone("soft");
      pen.globalAlpha = 0.5;
      pen.lineWidth = 1;
      for (const { song } of nearestOf(chosen)) {
        pen.beginPath();
        pen.moveTo(...places[chosen]);
        pen.lineTo(...places[song]);
        pen.stroke();
      }
      pen.globalAlpha = 1;
    }
    const order = places.map((_, song) => song);
    if (range) order.sort((a, b) => descending(scoreOf(b, colourBy), scoreOf(a, colourBy))); // best on top
    pen.lineWidth = 1;
    for (const song of order) {
      pen.beginPath();
      pen.arc(...places[song], song === chosen ? radius + 3 : radius, 0, 2 * Math.PI);
      pen.fillStyle = range ? scale.css(shareWithin(scoreOf(song, colourBy), range)) : tone(song === chosen ? "ink" : "accent");
      pen.fill();
      pen.strokeStyle = tone(range ? "soft" : "panel");
      pen.stroke();
    }
    nameSongs(pen, width, radius);
  }

  // Names where there is room: the chosen song and its nearest first, then the rest in order.
  function nameSongs(pen, width, radius) {
    pen.font = axisFont();
    pen.textBaseline = "middle";
    const first = chosen === null ? [] : [chosen, ...nearestOf(chosen).map(({ song }) => song)];
    const wanted = [...new Set([...first, ...(songCount <= NAMED_UP_TO ? places.keys() : [])])];
    const dots = places.map(([x, y]) => [x - radius, y - radius, x + radius, y + radius]);
    const taken = [];
    const apart = (a) => (b) => a[2] < b[0] || a[0] > b[2] || a[3] < b[1] || a[1] > b[3];
    for (const song of wanted) {
      const text = cut(shortNames[song]);
      const [x, y] = places[song];
      const long = pen.measureText(text).width;
      const left = x + radius + 5 + long < width ? x + radius + 5 : x - radius - 5 - long;
      const box = [left, y - 7, left + long, y + 7];
      const free = taken.every(apart(box)) && dots.every((dot, other) => other === song || apart(box)(dot));
      if (!free && song !== chosen) continue;
      taken.push(box);
      pen.lineWidth = 4; // a rim, so that the name can be read on top of dots
      pen.strokeStyle = tone("panel");
      pen.strokeText(text, left, y);
      pen.fillStyle = tone(song === chosen ? "ink" : "soft");
      pen.fillText(text, left, y);
    }
  }

  function songAt(event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [found, closest] = [null, 18 ** 2];
    places.forEach(([px, py], song) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < closest) [found, closest] = [song, distance];
    });
    return found;
  }

  canvas.addEventListener("pointermove", (event) => {
    const song = songAt(event);
    if (song === hovered) return;
    hovered = song;
    canvas.classList.toggle("pointing", song !== null);
    tip.hidden = song === null;
    if (song === null) return;
    tip.replaceChildren(nameOf(data.songs[song]), ...(colourBy === null ? [] : [` ${number(scoreOf(song, colourBy))}`]));
    const [x, y] = places[song];
    tip.style.left = `${Math.min(x, frame.clientWidth - tip.offsetWidth - 4)}px`;
    tip.style.top = `${y + 14}px`;
  });
  canvas.addEventListener("pointerleave", () => { hovered = null; tip.hidden = true; });
  canvas.addEventListener("click", (event) => {
    const song = songAt(event);
    if (song !== null) location.hash = `#similar-${song}`;
  });

  function choose(song) {
    chosen = song ?? null;
    if (chosen === null) {
      side.replaceChildren(element("p", { class: "help" }, "Click on a song, or choose one in the table below."));
    } else {
      side.replaceChildren(element("h3", {}, songLink(chosen)),
        element("p", {}, element("button", { type: "button", onclick: () => player.play(chosen, 0) }, "Play")),
        nearestList(chosen));
    }
    draw();
  }

  function fillTable() {
    const fits = matcher(find.querySelector("input").value);
    const songs = data.songs.map((_, song) => song).filter((song) => fits(data.songs[song]));
    const shown = Math.min(NEAREST_IN_TABLE, nearest.count);
    listing.replaceChildren(table("Each song’s nearest", [
      { title: "Song", header: true, cell: (song) => element("a", { href: `#similar-${song}` }, nameOf(data.songs[song])), compare: (a, b) => byName(data.songs[a], data.songs[b]) || a - b },
      {
        title: "Similarity", numeric: true, cell: (song) => number(nearestOf(song)[0].similarity),
        compare: (a, b) => descending(nearestOf(a)[0].similarity, nearestOf(b)[0].similarity) || a - b,
      },
      { title: "Label", cell: (song) => labelMark(labelFor(nearestOf(song)[0].similarity, data.songThresholds)) },
      { title: "Nearest", kind: "song", cell: (song) => songLink(nearestOf(song)[0].song) },
      ...(shown > 1 ? [{ title: "Then", kind: "wide-cell", cell: (song) => element("span", {},
        ...nearestOf(song).slice(1, shown).flatMap((other, i) => [i ? " · " : "", songLink(other.song), ` ${number(other.similarity)}`])) }] : []),
    ], songs));
  }

  onThemeChange.push(draw);
  new ResizeObserver(draw).observe(frame);
  let filled = false;
  return {
    title: "Similar songs", heading,
    show(song) {
      if (!filled) fillTable();
      filled = true;
      choose(song);
    },
    leave() {},
    knows: (song) => song === undefined || song < songCount,
  };
}

// A name, cut where it is too long for a map.
function cut(name) {
  const letters = [...name];
  return letters.length > 30 ? `${letters.slice(0, 29).join("")}…` : name;
}
