"use strict";
/* Plays a run on the map: one time for all policies, one of which the map shows.

   new Timeline(section, playbacks, map): `section` holds the controls (templates/player.html),
   `playbacks` what experiments/report/playback.py makes of each policy's trial. */
class Timeline {
  static SPEEDS = [1 / 1000, 1 / 200, 1 / 50, 1 / 10, 1 / 3, 1, 3, 10, 30, 100, 1000];
  static WHOLE_TAKES_S = 15;
  static KINDS = { usual: "usual path", repair: "repair path", moved: "new path", broken: "losing packets" };

  constructor(section, playbacks, map) {
    this.section = section;
    this.playbacks = playbacks;
    this.map = map;
    this.shown = 0;
    this.playing = false;
    for (const name of ["scrub", "play", "speed", "window", "flow", "moments", "strips", "status"]) {
      this[name] = section.querySelector(`[data-part="${name}"]`);
    }
    for (const playback of playbacks) { decodeUtilisation(playback); }
    this.durationS = Math.max(...playbacks.map((one) => one.durationS));
    this.#fillChoices();
    this.#listen();
    this.#choosePolicy(0);
    this.#chooseWindow();
    this.at(this.#firstSight());
  }

  get playback() { return this.playbacks[this.shown]; }

  /* Show a moment, in seconds after the start of the workloads. */
  at(timeS) {
    this.timeS = Math.min(Math.max(timeS, this.fromS), this.untilS);
    this.scrub.value = String(this.timeS);
    this.scrub.setAttribute("aria-valuetext", `${this.timeS.toFixed(3)} seconds`);
    this.#draw();
  }

  toggle(play = !this.playing) {
    if (play === this.playing) { return; }
    this.playing = play;
    this.map.figure.classList.toggle("moving", play);
    this.play.textContent = play ? "Pause" : "Play";
    this.play.setAttribute("aria-pressed", String(play));
    if (!play) { return; }
    if (this.timeS >= this.untilS) { this.at(this.fromS); }
    let before = performance.now();
    const step = (now) => {
      if (!this.playing) { return; }
      this.at(this.timeS + ((now - before) / 1000) * Number(this.speed.value));
      before = now;
      if (this.timeS >= this.untilS) { this.toggle(false); } else { requestAnimationFrame(step); }
    };
    requestAnimationFrame(step);
  }

  #fillChoices() {
    for (const speed of Timeline.SPEEDS) {
      this.speed.add(new Option(speed < 1 ? `1/${Math.round(1 / speed)} of real time` : `${speed} × real time`, speed));
    }
    this.window.add(new Option("whole run", "whole"));
    const faults = this.playbacks[0].faults.slice(0, 20);
    faults.forEach((fault, index) => {
      const when = `${fault.from.toFixed(2)} s`;
      this.window.add(new Option(`the ${fault.cut ? "cut" : fault.step} at ${when}`, `from ${index}`));
      if (fault.until < this.durationS) {
        this.window.add(new Option(`its end at ${fault.until.toFixed(2)} s`, `until ${index}`));
      }
    });
  }

  #listen() {
    this.play.addEventListener("click", () => this.toggle());
    this.scrub.addEventListener("input", () => { this.toggle(false); this.at(Number(this.scrub.value)); });
    this.window.addEventListener("change", () => { this.#chooseWindow(); this.at(this.fromS); });
    this.flow.addEventListener("change", () => this.#draw());
    for (const radio of this.section.querySelectorAll('input[name="policy"]')) {
      radio.addEventListener("change", () => { this.#choosePolicy(Number(radio.value)); this.at(this.timeS); });
    }
    this.strips.addEventListener("pointerdown", (event) => this.#pointStrip(event));
    this.strips.addEventListener("pointermove", (event) => { if (event.buttons) { this.#pointStrip(event); } });
    this.section.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#drawStrips()).observe(this.strips);
    matchMedia("screen and (prefers-color-scheme: dark)").addEventListener("change", () => this.#drawStrips());
  }

  #pointStrip(event) {
    const box = this.strips.querySelector("canvas").getBoundingClientRect();
    this.toggle(false);
    this.at(this.fromS + ((event.clientX - box.left) / box.width) * (this.untilS - this.fromS));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) { return; }
    const step = (this.untilS - this.fromS) / (event.shiftKey ? 1000 : 100);
    const onScrub = event.target === this.scrub || !event.target.matches("input, button");
    const keys = {
      " ": event.target.matches("button") ? undefined : () => this.toggle(),
      ArrowLeft: onScrub ? () => this.at(this.timeS - step) : undefined,
      ArrowRight: onScrub ? () => this.at(this.timeS + step) : undefined,
      Home: onScrub ? () => this.at(this.fromS) : undefined,
      End: onScrub ? () => this.at(this.untilS) : undefined,
      "[": () => this.#changeSpeed(-1), "]": () => this.#changeSpeed(1),
    };
    if (!keys[event.key]) { return; }
    event.preventDefault();
    keys[event.key]();
  }

  #changeSpeed(by) {
    const next = this.speed.selectedIndex + by;
    if (next >= 0 && next < this.speed.options.length) { this.speed.selectedIndex = next; }
  }

  #choosePolicy(index) {
    this.shown = index;
    const chosen = this.flow.value || "touched";
    this.flow.replaceChildren(new Option("those that the faults touched", "touched"));
    this.playback.flows.forEach((flow, number) => this.flow.add(new Option(flow.name, number)));
    this.flow.add(new Option("none", "none"));
    this.flow.value = [...this.flow.options].some((one) => one.value === chosen) ? chosen : "touched";
    this.#fillMoments();
  }

  #chooseWindow() {
    const [edge, index] = this.window.value.split(" ");
    [this.fromS, this.untilS] = [0, this.durationS];
    if (edge !== "whole") {
      const middle = this.playbacks[0].faults[Number(index)][edge];
      const wayS = edge === "from" ? this.#healedAfterS(middle) : 4;
      this.fromS = Math.max(0, middle - wayS / 5);
      this.untilS = Math.min(this.durationS, middle + wayS);
    }
    this.scrub.min = String(this.fromS);
    this.scrub.max = String(this.untilS);
    const wanted = (this.untilS - this.fromS) / Timeline.WHOLE_TAKES_S;
    const off = Timeline.SPEEDS.map((speed) => Math.abs(Math.log(speed / wanted)));
    this.speed.selectedIndex = off.indexOf(Math.min(...off));
    this.#drawStrips();
  }

  /* How long after a fault the last flow was out, and half of it again. */
  #healedAfterS(fromS) {
    let last = fromS + 0.05;
    for (const { flow } of this.#touched(this.playbacks)) {
      const broken = flow.ways.findIndex((way) => way.kind === "broken" && way.at >= fromS - 1e-6);
      const next = flow.ways[broken + 1];
      if (broken >= 0 && next) { last = Math.max(last, next.at); }
    }
    return (last - fromS) * 1.5;
  }

  *#touched(playbacks) {
    for (const playback of playbacks) {
      for (const flow of playback.flows) { if (flow.ways.length > 1) { yield { playback, flow }; } }
    }
  }

  /* Where to begin: the first moment at which something was repaired, else the first fault. */
  #firstSight() {
    let first = Infinity;
    for (const { flow } of this.#touched([this.playback])) {
      const way = flow.ways.find((one) => one.kind === "repair" || one.kind === "moved");
      if (way) { first = Math.min(first, way.at); }
    }
    return Number.isFinite(first) ? first + 0.02 : this.playback.faults[0]?.from ?? 0;
  }

  /* Buttons that jump to what happened: the faults, and what became of the paths. */
  #fillMoments() {
    const found = this.playback.faults.slice(0, 4).flatMap((fault) => [
      [fault.from, fault.cut ? "Cut" : fault.step],
      ...(fault.until < this.durationS ? [[fault.until, fault.cut ? "Mended" : `${fault.step} over`]] : []),
    ]);
    const words = { repair: "Repair path", moved: "Moved", usual: "Back" };
    for (const { flow } of this.#touched([this.playback])) {
      for (const way of flow.ways.slice(1)) {
        if (words[way.kind]) { found.push([way.at, words[way.kind]]); }
      }
    }
    found.sort((a, b) => a[0] - b[0]);
    const kept = found.filter(([at, word], index) =>
      !found.slice(0, index).some(([before, same]) => same === word && at - before < 2));
    this.moments.replaceChildren(...kept.slice(0, 12).map(([at, word]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `${word} ${at.toFixed(3)} s`;
      button.addEventListener("click", () => {
        this.toggle(false);
        if (at < this.fromS || at > this.untilS) { this.window.value = "whole"; this.#chooseWindow(); }
        this.at(at + 1e-6);
      });
      return button;
    }));
  }

  #draw() {
    const { playback, timeS } = this;
    const spans = {}, told = {};
    const load = playback.utilisation;
    const frame = load ? Math.min(load.frames - 1, Math.floor(timeS / load.stepS)) : 0;
    for (const [id, [a, b]] of Object.entries(this.map.ends)) {
      const [forward, back] = [a, b].map((site) => utilisationAt(load, id, site, frame));
      spans[id] = { forward, back };
      if (load) {
        told[`span ${id}`] = [[`from ${a}`, percent(forward)], [`from ${b}`, percent(back)]];
      }
    }
    const active = playback.faults.filter((fault) => fault.from <= timeS && timeS < fault.until);
    for (const fault of active) {
      for (const id of fault.spans) {
        if (!spans[id]) { continue; }
        spans[id].fault = fault.cut || spans[id].fault === "cut" ? "cut" : "impaired";
        (told[`span ${id}`] ??= []).unshift(["now", fault.cut ? "cut" : fault.step]);
      }
    }
    const paths = this.#chosenFlows().map((flow) => ({ flow, ...wayAt(flow, timeS) }));
    this.map.show({ spans, told, paths });
    this.#drawStatus(active, paths);
    this.#drawCursor();
  }

  #chosenFlows() {
    const flows = this.playback.flows.filter((flow) => flow.ways.length);
    if (this.flow.value === "none") { return []; }
    if (this.flow.value !== "touched") { return flows.filter((flow) => flow === this.playback.flows[Number(this.flow.value)]); }
    return flows.filter((flow) => flow.ways.length > 1);
  }

  #drawStatus(active, paths) {
    const lines = [[`${this.timeS.toFixed(3)} s`, active.length
      ? active.slice(0, 3).map((fault) => `${fault.cut ? "cut" : fault.step}: ${fault.spans.join(", ")}`).join("; ")
      : "nothing is broken"]];
    for (const path of paths.slice(0, 6)) {
      const labels = path.labels ? ` (${path.labels} label${path.labels > 1 ? "s" : ""})` : "";
      lines.push([path.flow.name, Timeline.KINDS[path.kind] + labels, path.kind]);
    }
    if (this.playback.noWays) { lines.push(["paths", `not shown: ${this.playback.noWays}`]); }
    const lost = this.playback.losses.map((probe) => [probe.name, probe.at.reduce(
      (sum, [bin, count]) => sum + ((bin * probe.binMs) / 1000 <= this.timeS ? count : 0), 0)]);
    if (lost.some(([, count]) => count)) {
      lines.push(["lost so far", lost.filter(([, count]) => count)
        .map(([name, count]) => `${name} ${count.toLocaleString("en")}`).join(", ")]);
    }
    this.status.replaceChildren(...lines.flatMap(([word, value, kind]) => {
      const term = Object.assign(document.createElement("dt"), { textContent: word });
      const told = Object.assign(document.createElement("dd"), { textContent: value });
      if (kind) { told.dataset.kind = kind; }
      return [term, told];
    }));
  }

  /* For each policy a strip: packets lost by time, the time in which something was broken. */
  #drawStrips() {
    const style = getComputedStyle(this.section);
    const colour = (name) => style.getPropertyValue(name).trim();
    const rows = this.playbacks.map((playback) => {
      const row = document.createElement("div");
      row.className = "strip";
      const canvas = document.createElement("canvas");
      row.append(Object.assign(document.createElement("span"), { textContent: playback.label }), canvas);
      return { row, canvas, playback };
    });
    this.cursor = Object.assign(document.createElement("i"), { className: "cursor" });
    this.strips.replaceChildren(...rows.map(({ row }) => row), this.cursor);
    const most = Math.max(1, ...this.playbacks.map((one) => Math.max(0, ...lostByColumn(one, this.fromS, this.untilS, 400))));
    for (const { canvas, playback } of rows) {
      const scale = devicePixelRatio || 1;
      const [width, height] = [canvas.clientWidth, canvas.clientHeight];
      canvas.width = width * scale;
      canvas.height = height * scale;
      const draw = canvas.getContext("2d");
      draw.scale(scale, scale);
      const x = (timeS) => ((timeS - this.fromS) / (this.untilS - this.fromS)) * width;
      draw.fillStyle = colour("--shade");
      for (const fault of playback.faults) { draw.fillRect(x(fault.from), 0, Math.max(1, x(fault.until) - x(fault.from)), height); }
      draw.fillStyle = colour("--lost");
      const columns = lostByColumn(playback, this.fromS, this.untilS, 400);
      columns.forEach((count, index) => {
        const tall = count ? Math.max(2, (count / most) * (height - 2)) : 0;
        draw.fillRect((index / 400) * width, height - tall, Math.max(1, width / 400), tall);
      });
      draw.fillStyle = colour("--soft");
      for (const [at] of playback.moments) { if (at >= this.fromS) { draw.fillRect(x(at), 0, 1, 3); } }
    }
    this.#drawCursor();
  }

  #drawCursor() {
    const canvas = this.strips.querySelector("canvas");
    if (!canvas || this.timeS === undefined) { return; }
    const share = (this.timeS - this.fromS) / (this.untilS - this.fromS);
    this.cursor.style.left = `${canvas.offsetLeft + share * canvas.clientWidth}px`;
  }
}
