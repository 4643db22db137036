// A song's scores over time for the chosen queries, drawn by uPlot.

const MOST_LINES = 8;

// moments: [{query, moments: [[start, end], …]}]; onMove hears of the window under the cursor.
function makeTimeline(song, cosines, chosen, moments, onMove) {
  const windows = data.windows[song].count;
  const spans = Array.from({ length: windows }, (_, i) => windowOf(song, i));
  const order = spans.map((_, i) => i).sort((a, b) => middle(spans[a]) - middle(spans[b]));
  const times = order.map((i) => middle(spans[i]));
  const lines = chosen.map((query) => order.map((i) => {
    const thousandths = cosines[i * queryCount + query];
    return thousandths === MISSING ? null : thousandths / 1000;
  }));
  const duration = Math.max(data.durations[song], ...spans.map(([, end]) => end));
  const few = windows < 60;

  const host = element("div", {
    class: "timeline", tabindex: "0", role: "slider", "aria-label": "Moment of the song",
    "aria-describedby": "timeline-help", "aria-valuemin": "0", "aria-valuemax": String(windows - 1),
  });
  const head = element("div", { class: "playhead", hidden: true });
  const plot = new uPlot({
    width: 640, height: 280, padding: [10, 76, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false, setScale: false }, y: false, points: { size: 8 } },
    scales: { x: { time: false, range: () => [0, duration] }, y: { range: heightRange } },
    axes: [
      {
        stroke: tone("soft"), grid: { stroke: tone("line"), width: 1 }, ticks: { stroke: tone("line"), width: 1 },
        incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600],
        values: (_, marks) => marks.map(clock), font: axisFont(), space: 60, size: 34,
      },
      {
        stroke: tone("soft"), grid: { stroke: tone("line"), width: 1 }, ticks: { show: false },
        incrs: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5], // steps that two decimals can tell
        values: (_, marks) => marks.map((mark) => mark.toFixed(2).replace("-", "−")), font: axisFont(), size: 56,
      },
    ],
    series: [{}, ...chosen.map((query, i) => ({
      stroke: lineColour(i), width: 2, dash: DASHES[i], points: { show: few, size: 5, fill: lineColour(i) },
    }))],
    hooks: { drawClear: [drawLimits], draw: [drawMoments], setCursor: [tellCursor] },
  }, [times, ...lines], host);
  plot.over.append(head);

  function heightRange(_, low, high) {
    if (low === null) return [0, 1];
    const margin = Math.max(0.01, (high - low) * 0.12);
    return [low - margin, high + margin];
  }

  // The label limits, where they are in sight.
  function drawLimits(u) {
    const pen = u.ctx;
    pen.save();
    pen.strokeStyle = tone("soft");
    pen.fillStyle = tone("soft");
    pen.font = axisFont(devicePixelRatio);
    pen.textBaseline = "middle";
    pen.setLineDash([2 * devicePixelRatio, 4 * devicePixelRatio]);
    data.thresholds.forEach((limit, i) => {
      if (limit <= u.scales.y.min || limit >= u.scales.y.max) return;
      const y = Math.round(u.valToPos(limit, "y", true));
      pen.beginPath();
      pen.moveTo(u.bbox.left, y);
      pen.lineTo(u.bbox.left + u.bbox.width, y);
      pen.stroke();
      pen.fillText(LABELS[i], u.bbox.left + u.bbox.width + 6 * devicePixelRatio, y);
    });
    pen.restore();
  }

  // The best moments: a ring on the line, and the stretch of time at the foot.
  function drawMoments(u) {
    const pen = u.ctx;
    const dot = devicePixelRatio;
    pen.save();
    moments.forEach(({ query, spans: best }) => {
      const line = chosen.indexOf(query);
      best.forEach((moment, rank) => {
        const place = times.indexOf(middle(moment));
        const [x, y] = [u.valToPos(times[place], "x", true), u.valToPos(lines[line][place], "y", true)];
        pen.beginPath();
        pen.arc(x, y, (rank === 0 ? 7 : 5) * dot, 0, 2 * Math.PI);
        pen.fillStyle = tone("panel");
        pen.fill();
        pen.lineWidth = (rank === 0 ? 3 : 2) * dot;
        pen.strokeStyle = lineColour(line);
        pen.stroke();
        if (rank === 0) {
          pen.fillStyle = lineColour(line);
          const [from, to] = moment.map((second) => u.valToPos(second, "x", true));
          pen.fillRect(from, u.bbox.top + u.bbox.height - (4 + 5 * line) * dot, to - from, 3 * dot);
        }
      });
    });
    pen.restore();
  }

  let at = null; // place in `times`
  function tellCursor(u) {
    if (u.cursor.idx === null || u.cursor.idx === undefined || u.cursor.left < 0) return;
    at = u.cursor.idx;
    onMove(spans[order[at]], chosen.map((query, i) => [query, lines[i][at]]));
  }
  const playHere = () => { if (at !== null) player.play(song, spans[order[at]][0]); };
  plot.over.addEventListener("click", playHere);
  host.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10, Home: -windows, End: windows }[event.key];
    if (step) {
      at = Math.min(windows - 1, Math.max(0, (at ?? -1) + step));
      plot.setCursor({ left: plot.valToPos(times[at], "x"), top: 10 });
      host.setAttribute("aria-valuenow", String(at));
      host.setAttribute("aria-valuetext", `${span(spans[order[at]])}: ${chosen.map((query, i) =>
        `${data.queries[query].name} ${number(lines[i][at] ?? NaN)}`).join(", ")}`);
    } else if (event.key === "Enter" || event.key === " ") playHere();
    else return;
    event.preventDefault();
  });
  host.setAttribute("aria-valuenow", "0");

  function follow() {
    const seconds = player.positionIn(song);
    head.hidden = seconds === null || !seconds;
    if (!head.hidden) head.style.left = `${plot.valToPos(seconds, "x")}px`;
  }
  const watch = new ResizeObserver(() => {
    const width = Math.floor(host.clientWidth);
    if (width > 0 && width !== plot.width) plot.setSize({ width, height: width < 500 ? 220 : 280 });
    follow();
  });
  watch.observe(host);
  return { node: host, plot, follow, remove: () => { watch.disconnect(); plot.destroy(); } };
}

const middle = ([start, end]) => (start + end) / 2;
const axisFont = (times = 1) => `${12 * times}px ${getComputedStyle(document.body).fontFamily}`;

// A query's best windows in a song, best first, at least a window's length apart: moments of their
// own, not one moment in slices.
function bestMoments(song, query, cosines, most) {
  const all = Array.from({ length: data.windows[song].count }, (_, i) => i);
  const score = (i) => cosines[i * queryCount + query];
  all.sort((a, b) => score(b) - score(a) || a - b);
  const found = [];
  for (const i of all) {
    if (found.length === most || score(i) === MISSING) break;
    const [start, end] = windowOf(song, i);
    const apart = end - start;
    if (found.every(({ moment: [from, to] }) => end + apart <= from || start >= to + apart)) {
      found.push({ moment: [start, end], score: score(i) / 1000 });
    }
  }
  return found;
}
