"use strict";
(() => {
  const plan = document.getElementById("plan");
  const view = document.getElementById("view");
  const tip = document.getElementById("tip");
  const data = JSON.parse(document.getElementById("data").textContent);
  const [, , width, height] = plan.getAttribute("viewBox").split(" ").map(Number);
  const MOST = 60;
  let k = 1, x = 0, y = 0;

  // Screen pixels for each of the map's at zoom 1.
  const fit = () => Math.min(plan.clientWidth / width, plan.clientHeight / height) || 1;

  function draw() {
    view.setAttribute("transform", `translate(${x} ${y}) scale(${k})`);
    const scale = k * fit();
    plan.style.setProperty("--small", 1 / scale);
    for (const label of document.querySelectorAll(".label")) {
      label.classList.toggle("hidden", Number(label.dataset.zoom) > scale * 1.001);
    }
    drawBar(scale);
  }

  function drawBar(scale) {
    const most = (130 * data.bar.km) / data.bar.px / scale;
    const power = 10 ** Math.floor(Math.log10(most));
    const km = [5, 2, 1].map((step) => step * power).find((length) => length <= most);
    const [words, line] = document.getElementById("bar").children;
    words.textContent = km < 1 ? `${Math.round(km * 1000)} m` : `${km.toLocaleString("en")} km`;
    line.style.width = `${(km * data.bar.px * scale) / data.bar.km}px`;
  }

  function zoomAt(px, py, factor) {
    const next = Math.min(MOST, Math.max(1, k * factor));
    x = px - ((px - x) * next) / k;
    y = py - ((py - y) * next) / k;
    k = next;
    keepInside();
  }

  function keepInside() {
    // The map's middle stays on the screen.
    const spareX = (plan.clientWidth / fit() - width) / 2;
    const spareY = (plan.clientHeight / fit() - height) / 2;
    x = Math.min(width / 2 + spareX, Math.max(width / 2 - spareX - width * k, x));
    y = Math.min(height / 2 + spareY, Math.max(height / 2 - spareY - height * k, y));
    if (k === 1) { x = 0; y = 0; }
    draw();
  }

  // A place on the screen in the map's pixels.
  function inMap(event) {
    const box = plan.getBoundingClientRect();
    const scale = fit();
    return [
      (event.clientX - box.left - (box.width - width * scale) / 2) / scale,
      (event.clientY - box.top - (box.height - height * scale) / 2) / scale,
    ];
  }

  plan.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomAt(...inMap(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)));
  }, { passive: false });

  // One pointer moves the map, two pinch it.
  const held = new Map();
  let dragged = false;
  plan.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, inMap(event));
    dragged = false;
  });
  addEventListener("pointermove", (event) => {
    if (!held.has(event.pointerId)) { return; }
    const [px, py] = inMap(event);
    const [fromX, fromY] = held.get(event.pointerId);
    const other = [...held].find(([id]) => id !== event.pointerId);
    if (!dragged && Math.hypot(px - fromX, py - fromY) * fit() < 4) { return; }
    dragged = true;
    plan.classList.add("moving");
    held.set(event.pointerId, [px, py]);
    if (other) {
      const [ox, oy] = other[1];
      const before = Math.hypot(fromX - ox, fromY - oy) || 1;
      zoomAt((px + ox) / 2, (py + oy) / 2, Math.hypot(px - ox, py - oy) / before);
    } else {
      x += px - fromX;
      y += py - fromY;
      keepInside();
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    addEventListener(end, (event) => {
      held.delete(event.pointerId);
      plan.classList.toggle("moving", held.size > 0 && dragged);
    });
  }
  plan.addEventListener("dblclick", (event) => zoomAt(...inMap(event), 2));

  const KEYS = {
    ArrowLeft: () => { x += 60; }, ArrowRight: () => { x -= 60; },
    ArrowUp: () => { y += 60; }, ArrowDown: () => { y -= 60; },
    "+": () => zoomAt(width / 2, height / 2, 1.4), "=": () => zoomAt(width / 2, height / 2, 1.4),
    "-": () => zoomAt(width / 2, height / 2, 1 / 1.4), 0: () => { k = 1; }, Escape: hide,
  };
  plan.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) { return; }
    event.preventDefault();
    KEYS[event.key]();
    keepInside();
  });
  document.getElementById("zoom").addEventListener("click", (event) => {
    const way = event.target.dataset.zoom;
    if (way === "all") { k = 1; keepInside(); }
    else if (way) { zoomAt(width / 2, height / 2, way === "in" ? 1.6 : 1 / 1.6); }
  });
  document.getElementById("layers").addEventListener("change", (event) => {
    plan.classList.toggle(`no-${event.target.name}`, !event.target.checked);
  });

  function hide() {
    tip.hidden = true;
    document.querySelectorAll(".shown").forEach((shown) => shown.classList.remove("shown"));
  }

  function show(thing, clientX, clientY) {
    hide();
    thing.classList.add("shown");
    const list = document.createElement("dl");
    for (const [word, value] of factsOf(thing)) {
      list.append(Object.assign(document.createElement("dt"), { textContent: word }),
        Object.assign(document.createElement("dd"), { textContent: value }));
    }
    tip.replaceChildren(list);
    tip.hidden = false;
    const box = plan.getBoundingClientRect();
    const right = clientX - box.left + 14, down = clientY - box.top + 14;
    const left = right + tip.offsetWidth > box.width ? right - 28 - tip.offsetWidth : right;
    const top = down + tip.offsetHeight > box.height ? down - 28 - tip.offsetHeight : down;
    tip.style.left = `${Math.max(4, Math.min(left, box.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  }

  function factsOf(thing) {
    const kind = thing.classList.contains("site") ? "site" : "span";
    return data.facts[`${kind} ${thing.dataset.id}`];
  }

  for (const thing of document.querySelectorAll("#view .site, #view .span")) {
    const told = factsOf(thing).map(([word, value]) => `${word}: ${value}`).join(", ");
    thing.querySelector("title").remove();  // the browser's own tip would cover ours
    thing.setAttribute("tabindex", "0");
    thing.setAttribute("role", "img");
    thing.setAttribute("aria-label", told);
    if (thing.classList.contains("span")) {
      const reach = thing.querySelector("path").cloneNode();
      reach.setAttribute("class", "reach");
      thing.append(reach);
    }
    thing.addEventListener("pointermove", (event) => {
      if (!held.size || !dragged) { show(thing, event.clientX, event.clientY); }
    });
    thing.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") { hide(); }
    });
    thing.addEventListener("click", (event) => {
      event.stopPropagation();
      if (!dragged) { show(thing, event.clientX, event.clientY); }
    });
    thing.addEventListener("focus", () => {
      if (!thing.matches(":focus-visible")) { return; }
      const box = thing.getBoundingClientRect();
      show(thing, box.left + box.width / 2, box.top + box.height / 2);
    });
    thing.addEventListener("blur", hide);
  }
  plan.addEventListener("click", () => { if (!dragged) { hide(); } });
  addEventListener("resize", keepInside);
  draw();
})();
