// Colours: the theme, a scale for scores, a few for lines.

const darkByDefault = matchMedia("(prefers-color-scheme: dark)");
const onThemeChange = []; // what draws on a canvas draws again

const isDark = () => (document.documentElement.dataset.theme ?? (darkByDefault.matches ? "dark" : "light")) === "dark";

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  byId("theme").textContent = isDark() ? "☀ Light" : "☾ Dark";
  scale = makeScale(isDark());
  for (const redraw of onThemeChange) redraw();
}

// A theme colour as the canvas needs it: resolved, where the style sheet names it by variable.
function tone(name) {
  const probe = byId("announcer");
  probe.style.color = `var(--${name})`;
  const colour = getComputedStyle(probe).color;
  probe.style.color = "";
  return colour;
}

// The score scale, in OKLCH so that equal steps look equal. Lightness runs evenly from one end to
// the other: the order survives every kind of colour blindness, and print without colour.
const STEPS = 256;
const RAMPS = {
  light: { lightness: [0.965, 0.34], chroma: [0.014, 0.085, 0.12], hue: [95, 190, 275] },
  dark: { lightness: [0.265, 0.93], chroma: [0.035, 0.105, 0.095], hue: [285, 205, 105] },
};

function between(stops, share) {
  const place = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(place));
  return stops[below] + (stops[below + 1] - stops[below]) * (place - below);
}

function makeScale(dark) {
  const ramp = dark ? RAMPS.dark : RAMPS.light;
  const canvas = element("canvas", { width: STEPS, height: 1 });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  for (let step = 0; step < STEPS; step++) {
    const share = step / (STEPS - 1);
    const [l, c, h] = [ramp.lightness, ramp.chroma, ramp.hue].map((stops) => between(stops, share));
    pen.fillStyle = `oklch(${l} ${c} ${h})`;
    pen.fillRect(step, 0, 1, 1);
  }
  const rgba = pen.getImageData(0, 0, STEPS, 1).data;
  return {
    pixels: new Uint32Array(rgba.buffer.slice(0)),
    css: (share) => `rgb(${rgba.slice(stepOf(share) * 4, stepOf(share) * 4 + 3).join(" ")})`,
    // Ink that can be read on the colour of this share.
    ink: (share) => (between(ramp.lightness, share) > 0.57 ? "#16181d" : "#ffffff"),
  };
}
const stepOf = (share) => Math.round(Math.min(1, Math.max(0, share)) * (STEPS - 1));
let scale = null; // set with the theme

// Lines: Okabe and Ito's colours, which stay apart for the colour-blind, a little darker or lighter
// for the paper they are on; dashes say the same without colour.
const LINES = {
  light: ["#0072b2", "#d55e00", "#007f5f", "#a8488a", "#8a6d00", "#2b8fc6", "#4a4a4a", "#8b3a1d"],
  dark: ["#5ab4ec", "#ff9a4d", "#3fcf9f", "#e59ac9", "#f0e442", "#9ad4f5", "#cfcfcf", "#d98a6a"],
};
const DASHES = [[], [7, 3], [2, 3], [10, 3, 2, 3], [], [7, 3], [2, 3], [10, 3, 2, 3]];
const lineColour = (index) => (isDark() ? LINES.dark : LINES.light)[index % LINES.dark.length];
