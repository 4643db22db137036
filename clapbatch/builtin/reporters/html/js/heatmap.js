// The heat map: a window onto a matrix of any size. Only what is in sight is drawn; a pixel a cell,
// enlarged by the canvas. Names are elements, so that the browser sets them in any script.

const GAP_FROM = 9; // cells from this size on are set apart by a line
const NUMBERS_FROM = [44, 20]; // cells from this width and height on show their number

// actions: {open(song, query), sort(query), point(cell or null, box, pinned)}
function makeHeatmap(actions) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const heads = element("div", { class: "heads" });
  const headBand = element("div", { class: "head-band" }, heads);
  const names = element("div", { class: "song-names" });
  const stage = element("div", { class: "stage" }, canvas, names, headBand);
  const sizer = element("div", { class: "sizer" }, stage);
  const scroller = element("div", {
    class: "heatmap", tabindex: "0", role: "application", "aria-roledescription": "score matrix",
    "aria-label": "Scores of songs and queries", "aria-describedby": "matrix-help",
  }, sizer);

  let rows = [], columns = [], sortedBy = null;
  let shareOf = () => 0, faint = () => false;
  let size = "auto";
  let active = null; // {row, column}: places in rows and columns
  let pinned = false;
  let box = {}; // measures: name, head, width, height (of the cells in sight), cell, row
  let printing = false;
  let waiting = 0;

  function measure() {
    const whole = scroller.clientWidth;
    const name = Math.round(Math.min(300, Math.max(110, whole * 0.24)));
    const overhang = printing ? 40 : 70; // the last slanted name reaches beyond its column
    const narrowest = printing ? 5 : size === "small" ? 7 : 12;
    const fitting = (room) => Math.floor(Math.min(110, room / Math.max(1, columns.length)));
    const wide = fitting(whole - name) >= 72; // room for names that lie flat
    const cell = wide ? fitting(whole - name) : Math.max(narrowest, fitting(whole - name - overhang));
    const head = wide ? 64 : Math.round(Math.min(150, 24 + 0.9 * longestName(cell)));
    const most = printing ? 800 : Math.max(340, innerHeight * 0.74);
    const even = (most - head) / Math.max(1, rows.length); // so that all are in sight
    const row = printing ? Math.min(18, even)
      : size === "small" ? Math.max(1, Math.min(26, Math.floor(even)))
      : size === "large" || (size === "auto" && rows.length <= 40) ? 28 : 18;
    const height = Math.min(head + rows.length * row + 2, most);
    box = { name, head, cell, row, wide, whole, overhang: wide ? 0 : overhang };
    scroller.style.height = `${Math.ceil(height)}px`;
    sizer.style.width = `${name + columns.length * cell + box.overhang}px`;
    sizer.style.height = `${head + rows.length * row}px`;
    box.width = scroller.clientWidth - name;
    box.height = scroller.clientHeight - head;
    stage.style.width = `${scroller.clientWidth}px`;
    stage.style.height = `${scroller.clientHeight}px`;
    stage.style.setProperty("--name", `${name}px`);
    stage.style.setProperty("--head", `${head}px`);
    stage.style.setProperty("--cell", `${cell}px`);
    stage.style.setProperty("--row", `${row}px`);
    stage.classList.toggle("wide", wide);
    const ratio = devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(box.width * ratio));
    canvas.height = Math.max(1, Math.round(box.height * ratio));
    canvas.style.width = `${box.width}px`;
    canvas.style.height = `${box.height}px`;
  }

  function longestName(cell) {
    const pen = canvas.getContext("2d");
    pen.font = `${Math.min(13, cell * 0.8)}px ${getComputedStyle(document.body).fontFamily}`;
    return columns.reduce((most, query) => Math.max(most, pen.measureText(data.queries[query].name).width), 40);
  }

  function nameColumns() {
    heads.replaceChildren(...columns.map((query, column) => {
      const name = data.queries[query].name;
      const button = element("button", {
        type: "button", tabindex: "-1", title: `Sort by “${name}”`, class: query === sortedBy ? "sorted" : "",
        onclick: () => actions.sort(query),
      }, doubt(query), " ", nameOf(name));
      const head = element("div", { class: "head" }, button);
      head.style.setProperty("--column", String(column));
      return head;
    }));
  }

  // The rows and columns in sight, the last ones exclusive.
  function inSight() {
    const { scrollLeft, scrollTop } = scroller;
    return {
      top: Math.max(0, Math.floor(scrollTop / box.row)),
      bottom: Math.min(rows.length, Math.ceil((scrollTop + box.height) / box.row)),
      left: Math.max(0, Math.floor(scrollLeft / box.cell)),
      right: Math.min(columns.length, Math.ceil((scrollLeft + box.width) / box.cell)),
    };
  }

  const patch = element("canvas");
  function draw() {
    waiting = 0;
    if (!scroller.offsetParent) return; // hidden; drawn when it is shown
    const { scrollLeft, scrollTop } = scroller;
    const sight = inSight();
    const [across, down] = [sight.right - sight.left, sight.bottom - sight.top];
    heads.style.transform = `translateX(${-scrollLeft}px)`;
    nameRows(sight, scrollTop);
    const pen = canvas.getContext("2d");
    const ratio = canvas.width / Math.max(1, box.width);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, box.width, box.height);
    if (across <= 0 || down <= 0) return;
    const originX = sight.left * box.cell - scrollLeft;
    const originY = sight.top * box.row - scrollTop;

    patch.width = across;
    patch.height = down;
    const small = patch.getContext("2d");
    const image = small.createImageData(across, down);
    const pixels = new Uint32Array(image.data.buffer);
    for (let r = 0; r < down; r++) {
      for (let c = 0; c < across; c++) {
        const [song, query] = [rows[sight.top + r], columns[sight.left + c]];
        const share = shareOf(song, query);
        if (Number.isNaN(share)) continue; // no colour for what is not known
        const pixel = scale.pixels[stepOf(share)];
        pixels[r * across + c] = faint(song, query) ? ((pixel & 0x00ffffff) | 0x26000000) >>> 0 : pixel;
      }
    }
    small.putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = box.row < 1; // on paper a row may be less than a dot
    pen.drawImage(patch, originX, originY, across * box.cell, down * box.row);

    pen.fillStyle = tone("paper");
    if (box.cell >= GAP_FROM) {
      for (let c = 0; c <= across; c++) pen.fillRect(originX + c * box.cell - 1, 0, 1, originY + down * box.row);
    }
    if (box.row >= GAP_FROM) {
      for (let r = 0; r <= down; r++) pen.fillRect(0, originY + r * box.row - 1, originX + across * box.cell, 1);
    }
    if (box.cell >= NUMBERS_FROM[0] && box.row >= NUMBERS_FROM[1]) {
      writeNumbers(pen, sight, originX, originY);
    }
    if (active) outline(pen, scrollLeft, scrollTop);
  }

  function writeNumbers(pen, sight, originX, originY) {
    pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (let row = sight.top; row < sight.bottom; row++) {
      for (let column = sight.left; column < sight.right; column++) {
        const [song, query] = [rows[row], columns[column]];
        if (faint(song, query)) continue;
        pen.fillStyle = scale.ink(shareOf(song, query));
        pen.fillText(number(scoreOf(song, query)),
          originX + (column - sight.left + 0.5) * box.cell,
          originY + (row - sight.top + 0.5) * box.row);
      }
    }
  }

  function outline(pen, scrollLeft, scrollTop) {
    const [x, y] = [active.column * box.cell - scrollLeft, active.row * box.row - scrollTop];
    pen.strokeStyle = tone("ink");
    pen.lineWidth = 2;
    pen.strokeRect(x - 1, y - 1, box.cell + 1, box.row + 1);
  }

  function nameRows(sight, scrollTop) {
    if (box.row < GAP_FROM) {
      names.replaceChildren();
      return;
    }
    const wanted = sight.bottom - sight.top;
    while (names.childElementCount > wanted) names.lastElementChild.remove();
    while (names.childElementCount < wanted) {
      names.append(element("a", { tabindex: "-1" }, nameOf("")));
    }
    [...names.children].forEach((link, place) => {
      const row = sight.top + place;
      const song = rows[row];
      link.style.transform = `translateY(${row * box.row - scrollTop}px)`;
      link.classList.toggle("active", active?.row === row);
      if (link.dataset.song === String(song)) return;
      link.dataset.song = String(song);
      link.href = songHash(song);
      link.title = data.songs[song];
      link.firstChild.textContent = shortNames[song];
    });
  }

  const soon = () => { waiting ||= requestAnimationFrame(draw); };

  function cellAt(event) {
    const place = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - place.left + scroller.scrollLeft) / box.cell);
    const row = Math.floor((event.clientY - place.top + scroller.scrollTop) / box.row);
    const inside = row >= 0 && row < rows.length && column >= 0 && column < columns.length;
    return inside ? { row, column } : null;
  }

  // Where the active cell is on the screen.
  function placeOfActive() {
    const place = canvas.getBoundingClientRect();
    const left = place.left + active.column * box.cell - scroller.scrollLeft;
    const top = place.top + active.row * box.row - scroller.scrollTop;
    return { left, top, right: left + box.cell, bottom: top + box.row };
  }

  function activate(cell, keep) {
    active = cell;
    pinned = keep && cell !== null;
    if (cell) actions.point(rows[cell.row], columns[cell.column], placeOfActive(), pinned);
    else actions.point(null);
    soon();
  }

  canvas.addEventListener("pointermove", (event) => {
    if (pinned || event.pointerType === "touch") return;
    const cell = cellAt(event);
    if (cell?.row !== active?.row || cell?.column !== active?.column) activate(cell, false);
  });
  canvas.addEventListener("pointerleave", () => { if (!pinned) activate(null, false); });
  canvas.addEventListener("click", (event) => activate(cellAt(event), true));
  canvas.addEventListener("dblclick", (event) => {
    const cell = cellAt(event);
    if (cell) actions.open(rows[cell.row], columns[cell.column]);
  });
  scroller.addEventListener("scroll", () => {
    if (active && !followed) activate(null, false);
    followed = false;
    soon();
  });

  let followed = false; // the scrolling was ours, to keep the active cell in sight
  function follow() {
    const { scrollLeft, scrollTop } = scroller;
    const [x, y] = [active.column * box.cell, active.row * box.row];
    const left = Math.min(x, Math.max(scrollLeft, x + box.cell - box.width + box.overhang));
    const top = Math.min(y, Math.max(scrollTop, y + box.row - box.height));
    if (left === scrollLeft && top === scrollTop) return;
    followed = true;
    scroller.scrollTo(left, top);
  }

  const page = () => Math.max(1, Math.floor(box.height / box.row) - 1);
  const STEPS_BY_KEY = {
    ArrowUp: () => [-1, 0], ArrowDown: () => [1, 0], ArrowLeft: () => [0, -1], ArrowRight: () => [0, 1],
    PageUp: () => [-page(), 0], PageDown: () => [page(), 0],
    Home: () => [0, -columns.length], End: () => [0, columns.length],
  };
  scroller.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== scroller) return;
    if (!rows.length || !columns.length) return;
    const step = STEPS_BY_KEY[event.key];
    if (step) {
      const from = active ?? { row: 0, column: 0 };
      const [down, right] = active ? step() : [0, 0];
      active = {
        row: Math.min(rows.length - 1, Math.max(0, from.row + down)),
        column: Math.min(columns.length - 1, Math.max(0, from.column + right)),
      };
      follow();
      activate(active, true);
    } else if (event.key === "Enter" && active) actions.open(rows[active.row], columns[active.column]);
    else if (event.key.toLowerCase() === "s" && active) actions.sort(columns[active.column]);
    else if (event.key === "Escape") activate(null, false);
    else return;
    event.preventDefault();
  });

  function refresh() {
    if (!scroller.offsetParent) return;
    measure();
    draw();
  }
  let lastWidth = 0;
  new ResizeObserver(() => {
    if (scroller.offsetWidth === lastWidth) return;
    lastWidth = scroller.offsetWidth;
    refresh();
  }).observe(scroller);
  addEventListener("resize", refresh);

  return {
    node: scroller, refresh,
    // state: rows, columns (songs and queries, in order), sortedBy, shareOf, faint, size
    show(state) {
      ({ rows, columns, sortedBy, shareOf, faint, size } = state);
      activate(null, false);
      nameColumns();
      refresh();
    },
    release: () => activate(null, false),
    setPrinting(now) {
      printing = now;
      refresh();
    },
  };
}
