// One player for the whole page, at its foot: it goes on while other views are looked at.

const player = makePlayer(byId("player"));

function makePlayer(host) {
  const audio = element("audio", { controls: true, preload: "metadata" });
  const title = element("span", { class: "player-title" });
  const trouble = element("p", { class: "player-trouble", role: "alert", hidden: true });
  host.append(title, audio, trouble);
  const listeners = [];
  let current = null;

  function complain(words) {
    trouble.textContent = words;
    trouble.hidden = !words;
    audio.hidden = Boolean(words);
  }

  // What went wrong, as far as a browser tells: it does not tell a missing file from an odd one.
  audio.addEventListener("error", () => {
    if (!audio.getAttribute("src")) return;
    const name = decoded(data.links[current]);
    complain(
      `The song cannot be played: there is no file “${name}” as seen from this page, or this `
      + "browser does not know its format. If the report or the music was moved, put them back as "
      + "they were, or run clapbatch again.");
  });

  function load(song) {
    host.hidden = false;
    document.body.classList.add("with-player");
    if (song === current) return;
    current = song;
    title.replaceChildren(songLink(song));
    complain("");
    if (data.links[song] === null) {
      audio.removeAttribute("src");
      complain("The song lies on another drive than this report, so the page has no link to it.");
    } else {
      audio.src = data.links[song];
    }
    for (const listener of listeners) listener();
  }

  function play(song, seconds) {
    load(song);
    if (!audio.getAttribute("src")) return;
    audio.currentTime = seconds;
    // A browser may refuse to start sound; the person then presses the player's own button.
    audio.play().catch(() => {});
    for (const listener of listeners) listener();
  }

  for (const event of ["timeupdate", "seeked", "play", "pause"]) {
    audio.addEventListener(event, () => { for (const listener of listeners) listener(); });
  }
  return {
    load, play, audio,
    // Shows a song ready to be played, unless another is being listened to.
    offer: (song) => { if (audio.paused) load(song); },
    onChange: (listener) => listeners.push(listener),
    // Seconds into this song, or null if another one is in the player.
    positionIn: (song) => (song === current ? audio.currentTime : null),
  };
}

function decoded(link) {
  try { return decodeURIComponent(link); } catch { return link; } // bytes that are not UTF-8
}
