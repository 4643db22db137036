// The run: what went wrong, what was left out, and how the results were made.

function makeAboutView(host) {
  const heading = element("h2", { tabindex: "-1" }, "About this run");
  const part = (title, ...content) => element("section", {}, element("h3", {}, title), ...content);
  const text = (index) => (item) => nameOf(item[index]);
  const doubted = data.queries.map((_, query) => query).filter((query) => data.queries[query].note);

  host.append(heading, data.failures.length
    ? part("Songs without a result", table("Songs without a result", [
      { title: "Song", header: true, cell: text(0), compare: (a, b) => byName(a[0], b[0]) },
      { title: "Reason", cell: text(3), compare: (a, b) => byName(a[3], b[3]) },
      { title: "While", cell: text(1), compare: (a, b) => byName(a[1], b[1]) },
      { title: "Plugin", cell: text(2) },
    ], data.failures))
    : part("Songs without a result", element("p", { class: "help" }, "None: every song gave a result.")));
  if (data.warnings.length) host.append(part("Warnings", ...data.warnings.map((text) => element("p", {}, text))));
  if (data.notes.length) host.append(part("Notes", ...data.notes.map((note) => element("p", {}, note))));
  if (doubted.length) {
    host.append(part("Queries to beware of", table("Queries to beware of", [
      { title: "Query", header: true, cell: queryLink },
      { title: "Why", cell: (query) => data.queries[query].note },
    ], doubted)));
  }
  if (data.limits.length) {
    host.append(part("What this page leaves out", ...data.limits.map((limit) => element("p", {}, limit))));
  }
  host.append(
    part("How to read the numbers", element("p", {},
      "The encoder turns each stretch of a song, and each query, into a direction in a space of many "
      + "dimensions. A score is the cosine between the two, put together over the song’s windows by the "
      + "scorer named below. Highest, lowest and spread (the standard deviation) are over the windows. "
      + "Two songs are compared by the cosine of their mean directions: ",
      labelMark("HIGH"), ` above ${number(data.songThresholds[0])}, `,
      labelMark("MODERATE"), ` above ${number(data.songThresholds[1])}.`)),
    part("Settings and versions", data.settings.length
      ? table("Settings and versions", [
        { title: "Setting", header: true, cell: text(0) },
        { title: "Value", kind: "setting", cell: text(1) },
      ], data.settings)
      : element("p", { class: "help" }, "Nothing was recorded.")));
  return { show() {}, leave() {}, title: "About this run", heading };
}
