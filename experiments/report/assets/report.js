"use strict";
/* The page itself: charts drawn when they come into sight, downloads, the filter of events. */
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const dark = matchMedia("screen and (prefers-color-scheme: dark)");

  function rowsOf(name, where) {
    const table = data.tables[name];
    const names = Object.keys(table);
    const count = names.length ? table[names[0]].length : 0;
    const rows = [];
    for (let at = 0; at < count; at += 1) {
      if (Object.entries(where).every(([field, value]) => table[field][at] === value)) {
        rows.push(Object.fromEntries(names.map((field) => [field, table[field][at]])));
      }
    }
    return rows;
  }

  /* A panel's colours are names; longer names first, as one may be the beginning of another. */
  function coloured(spec) {
    const colours = data.colours[dark.matches ? "dark" : "light"];
    const text = JSON.stringify(spec).replace(/"@([a-z]+\d?)"/g, (all, name) =>
      (colours[name] ? JSON.stringify(colours[name]) : all));
    return JSON.parse(text);
  }

  function configuration() {
    const style = getComputedStyle(document.documentElement);
    const [ink, soft, line] = ["--ink", "--soft", "--line"].map((name) => style.getPropertyValue(name).trim());
    const words = { labelColor: soft, titleColor: ink, titleFontWeight: 500 };
    return {
      background: "transparent", view: { stroke: line }, font: "system-ui, sans-serif",
      axis: { ...words, gridColor: line, gridOpacity: .6, domainColor: soft, tickColor: soft, labelOverlap: true },
      legend: words,
    };
  }

  async function draw(place) {
    const [chart, index] = place.dataset.panel.split(" ").map(Number);
    const { name, panels } = data.panels[chart];
    const panel = panels[index];
    const spec = { ...coloured(panel.spec), autosize: { type: "fit-x", contains: "padding" } };
    spec.datasets = { ...spec.datasets, points: rowsOf(name, panel.where) };
    const renderer = spec.datasets.points.length > 3000 ? "canvas" : "svg";
    const shown = await window.vegaEmbed(place, spec, { renderer, actions: false, config: configuration() });
    // The panel has a name; a name for each of its marks would drown it.
    place.querySelectorAll("svg, canvas").forEach((one) => one.setAttribute("aria-hidden", "true"));
    place.dataset.drawn = "yes";
    return shown;
  }

  const places = [...document.querySelectorAll(".plot")];
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting && !seen.has(entry.target)) { seen.add(entry.target); draw(entry.target); }
    }
  }, { rootMargin: "600px" });

  // Vega comes as a module, which runs once the page has been read.
  addEventListener("DOMContentLoaded", () => {
    places.forEach((place) => watch.observe(place));
    document.documentElement.dataset.ready = "yes";
  });
  const again = () => seen.forEach(draw);
  dark.addEventListener("change", again);
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
    places.forEach((place) => { if (!seen.has(place)) { seen.add(place); draw(place); } });
  });

  function csvOf(table) {
    const names = Object.keys(table);
    const quoted = (value) => {
      const text = value === null || value === undefined ? "" : String(value);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = [names.map(quoted).join(",")];
    for (let at = 0; at < table[names[0]].length; at += 1) {
      lines.push(names.map((name) => quoted(table[name][at])).join(","));
    }
    return `${lines.join("\r\n")}\r\n`;
  }

  for (const link of document.querySelectorAll("a.csv")) {
    link.addEventListener("click", () => {
      if (!link.href.startsWith("blob:")) {
        const file = new Blob([csvOf(data.tables[link.dataset.table])], { type: "text/csv;charset=utf-8" });
        link.href = URL.createObjectURL(file);
      }
    });
  }

  const filter = document.getElementById("event-filter");
  const rows = [...document.querySelectorAll(".events tbody tr")];
  const count = document.getElementById("event-count");
  const apply = () => {
    const word = filter.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(word);
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = `${shown} of ${rows.length}`;
  };
  filter.addEventListener("input", apply);
  apply();

  const section = document.getElementById("player");
  if (section && data.playbacks.length) {
    const map = new NetworkMap(document.getElementById("netmap"));
    window.timeline = new Timeline(section, data.playbacks, map);
  }
})();
