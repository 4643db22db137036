// The data that the page was written with, and the words and numbers made of it.

const data = JSON.parse(document.getElementById("data").textContent);
const songCount = data.songs.length;
const queryCount = data.queries.length;
const MISSING = -32768; // of the numbers kept in thousandths

function unpack(text, Kind) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return new Kind(bytes.buffer);
}

const values = unpack(data.value, Float32Array);
const evidence = {
  maximum: unpack(data.maximum, Int16Array),
  minimum: unpack(data.minimum, Int16Array),
  deviation: unpack(data.deviation, Int16Array),
};
const bestWindows = unpack(data.best, Uint32Array);
const nearest = data.nearest && {
  count: data.nearest.count,
  songs: unpack(data.nearest.songs, Uint32Array),
  similarity: unpack(data.nearest.similarity, Float32Array),
};

const scoreOf = (song, query) => values[song * queryCount + query];

function evidenceOf(kind, song, query) {
  const thousandths = evidence[kind][song * queryCount + query];
  return thousandths === MISSING ? NaN : thousandths / 1000;
}

const LABELS = ["HIGH", "MODERATE", "LOW"];

// Strictly above a threshold, as everywhere in the program.
function labelFor(score, [high, moderate]) {
  return score > high ? "HIGH" : score > moderate ? "MODERATE" : "LOW";
}
const calibratedLabels = data.labels && unpack(data.labels, Uint8Array);
const labelOf = (song, query) => calibratedLabels
  ? LABELS[calibratedLabels[song * queryCount + query]]
  : labelFor(scoreOf(song, query), data.thresholds);

// Start and end in seconds of a song's window.
function windowOf(song, index) {
  const windows = data.windows[song];
  if (windows.starts) return [windows.starts[index], windows.ends[index]];
  const start = index === windows.count - 1 ? windows.last : windows.first + index * windows.hop;
  return [start, start + windows.length];
}
const bestMoment = (song, query) => windowOf(song, bestWindows[song * queryCount + query]);

// A song's timeline: cosines by [window * queryCount + query], in thousandths; null if left out.
let timelineTexts = null;
function timelineOf(song) {
  timelineTexts ??= JSON.parse(document.getElementById("timelines").textContent);
  const text = timelineTexts[song];
  return text === null ? null : unpack(text, Int16Array);
}

// Songs from best to worst for a query; equal scores keep the songs' own order.
const rankings = new Map();
function rankingFor(query) {
  if (!rankings.has(query)) {
    const order = data.songs.map((_, song) => song);
    order.sort((a, b) => descending(scoreOf(a, query), scoreOf(b, query)) || a - b);
    rankings.set(query, order);
  }
  return rankings.get(query);
}

// The place of a song among all for a query, from 1; one look at each song, no sorting.
function rankOf(song, query) {
  const own = scoreOf(song, query);
  let rank = 1;
  for (let other = 0; other < songCount; other++) {
    const order = descending(scoreOf(other, query), own);
    if (order < 0 || (order === 0 && other < song)) rank++;
  }
  return rank;
}

// A number that is not known sorts last.
function descending(a, b) {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return b - a;
}

// Songs by the end of their path, with as many folders before it as tell them apart.
const shortNames = shortest(data.songs);
function shortest(names) {
  const end = (name, parts) => name.split("/").slice(-parts).join("/");
  const short = [...names];
  let unsettled = names.map((_, i) => i);
  for (let parts = 1; parts <= 3 && unsettled.length; parts++) {
    const times = new Map();
    for (const i of unsettled) {
      short[i] = end(names[i], parts);
      times.set(short[i], (times.get(short[i]) ?? 0) + 1);
    }
    unsettled = unsettled.filter((i) => times.get(short[i]) > 1);
  }
  for (const i of unsettled) short[i] = names[i];
  return short;
}

const byName = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
const count = (n, one, many) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
const number = (x) => (Number.isNaN(x) ? "–" : x.toFixed(3).replace("-", "−"));

// Seconds as m:ss; past an hour h:mm:ss.
function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}
const span = ([start, end]) => `${clock(start)}–${clock(end)}`;
