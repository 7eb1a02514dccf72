"use strict";
/* The network's map, coloured by what goes on.

   const map = new NetworkMap(document.getElementById("netmap"));
   map.show({
     spans: {id: {forward, back, fault, told}},  // utilisation 0 to 1 or null, from `a` and from `b`
     paths: [{spans: [[id, forward]], kind}],    // kind: usual, repair, moved or broken
     sites: {id: {fault}},
     told: {"span x": [[word, value]]},          // more facts, for who points at a thing
   });

   fault: "cut" (carries nothing), "impaired" or nothing. Everything left out is at rest. */
class NetworkMap {
  constructor(figure) {
    this.figure = figure;
    this.svg = figure.querySelector("svg");
    this.tip = figure.querySelector(".netmap-tip");
    const data = JSON.parse(figure.querySelector(".netmap-facts").textContent);
    this.facts = data.facts;
    this.ends = data.ends;
    this.told = {};
    this.shown = null;
    this.spans = this.#byId(".span");
    this.halos = this.#byId(".halo");
    this.sites = this.#byId(".site");
    this.#makeAccessible();
    new ResizeObserver(() => this.#fit()).observe(this.svg);
    this.#fit();
  }

  static LEVELS = [0, 0.005, 0.2, 0.4, 0.6, 0.8];

  /* The class of a utilisation: 0 idle, 1 below 20 %, … 5 from 80 % on. */
  static level(utilisation) {
    if (utilisation === null || utilisation === undefined) { return "unknown"; }
    return String(NetworkMap.LEVELS.findLastIndex((least) => utilisation >= least));
  }

  show(state) {
    for (const [id, element] of this.spans) {
      const span = state.spans?.[id] ?? {};
      element.dataset.fault = span.fault ?? "";
      const [forward, back] = element.querySelectorAll(".load");
      forward.dataset.level = NetworkMap.level(span.forward);
      back.dataset.level = NetworkMap.level(span.back);
    }
    for (const [id, element] of this.sites) {
      element.dataset.fault = state.sites?.[id]?.fault ?? "";
    }
    this.#showPaths(state.paths ?? []);
    this.told = state.told ?? {};
    if (this.shown) { this.#fillTip(); }
  }

  /* A path's halo; where several lie on a span, what is worse to know is shown. */
  #showPaths(paths) {
    const ranks = { usual: 1, moved: 2, repair: 3, broken: 4 };
    const found = new Map();
    for (const path of paths) {
      for (const [id, forward] of path.spans) {
        if ((ranks[found.get(id)?.kind] ?? 0) < ranks[path.kind]) {
          found.set(id, { kind: path.kind, way: forward ? "forward" : "back" });
        }
      }
    }
    for (const [id, halo] of this.halos) {
      halo.dataset.path = found.get(id)?.kind ?? "";
      halo.dataset.way = found.get(id)?.way ?? "";
    }
  }

  #byId(selector) {
    return new Map([...this.svg.querySelectorAll(selector)].map((one) => [one.dataset.id, one]));
  }

  /* Names keep their size on the screen; those without room are left out. */
  #fit() {
    const width = this.svg.viewBox.baseVal.width;
    const scale = this.svg.clientWidth / width || 1;
    this.svg.style.setProperty("--small", 1 / scale);
    for (const label of this.svg.querySelectorAll(".label")) {
      label.classList.toggle("hidden", Number(label.dataset.zoom) > scale * 1.1);
    }
  }

  #makeAccessible() {
    for (const [kind, things] of [["span", this.spans], ["site", this.sites]]) {
      for (const [id, thing] of things) {
        const facts = this.facts[`${kind} ${id}`];
        thing.querySelector("title")?.remove();  // the browser's own tip would cover ours
        thing.setAttribute("tabindex", "0");
        thing.setAttribute("role", "img");
        thing.setAttribute("aria-label", facts.slice(0, 3).map((fact) => fact.join(": ")).join(", "));
        thing.addEventListener("pointermove", (event) => this.#point(kind, id, event.clientX, event.clientY));
        thing.addEventListener("pointerleave", () => this.#hide());
        thing.addEventListener("focus", () => {
          if (!thing.matches(":focus-visible")) { return; }
          const box = thing.getBoundingClientRect();
          this.#point(kind, id, box.left + box.width / 2, box.top + box.height / 2);
        });
        thing.addEventListener("blur", () => this.#hide());
      }
    }
    this.figure.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { this.#hide(); }
    });
  }

  #point(kind, id, clientX, clientY) {
    this.shown = `${kind} ${id}`;
    this.#fillTip();
    this.tip.hidden = false;
    const box = this.figure.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    const left = x + 14 + this.tip.offsetWidth > box.width ? x - 14 - this.tip.offsetWidth : x + 14;
    const top = y + 14 + this.tip.offsetHeight > box.height ? y - 14 - this.tip.offsetHeight : y + 14;
    this.tip.style.left = `${Math.max(4, Math.min(left, box.width - this.tip.offsetWidth - 4))}px`;
    this.tip.style.top = `${Math.max(4, top)}px`;
  }

  #fillTip() {
    const list = document.createElement("dl");
    for (const [word, value] of [...(this.told[this.shown] ?? []), ...this.facts[this.shown]]) {
      list.append(Object.assign(document.createElement("dt"), { textContent: word }),
        Object.assign(document.createElement("dd"), { textContent: value }));
    }
    this.tip.replaceChildren(list);
  }

  #hide() {
    this.shown = null;
    this.tip.hidden = true;
  }
}
