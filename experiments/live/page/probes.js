// Each probe's last 30 seconds: its delay as a line, what was lost as bars.

const BIN_S = 0.1;
const SHOWN_BINS = 300;
const KEPT_BINS = 1200;
// Younger packets may still be under way.
const PATIENCE_BINS = 5;
const WIDTH = 600;
const HEIGHT = 84;
const TOP = 14;

export class Probes {
  constructor(root, facts) {
    this.probes = new Map(facts.probes.map((probe) => [probe.name, this.add(root, probe)]));
  }

  add(root, probe) {
    const box = document.createElement("div");
    box.className = "probe";
    box.innerHTML = `<p><b></b><span class="ends soft"></span><span class="lost-count" data-lost="0"></span>
      <span class="last"></span></p><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img">
      <title></title><path class="lost"/><path class="delay" vector-effect="non-scaling-stroke"/></svg>
      <p class="soft"><span class="scale"></span><span>bars: share lost</span></p>`;
    box.querySelector("b").textContent = probe.name;
    box.querySelector("title").textContent = `${probe.name}: nothing yet`;
    box.querySelector(".ends").textContent = `${probe.from} → ${probe.to}, ${probe.rate_pps.toLocaleString("en")}/s`;
    root.append(box);
    return { box, bins: [], first: 0 };
  }

  forget() {
    for (const probe of this.probes.values()) { probe.bins = []; probe.first = 0; }
  }

  // news: for each probe the number of the first bin told, and the bins from there on.
  learn(news) {
    for (const [name, told] of Object.entries(news)) {
      const probe = this.probes.get(name);
      if (!probe) { continue; }
      if (!probe.bins.length || told.first > probe.first + probe.bins.length) {
        probe.first = told.first;
        probe.bins = [];
      }
      probe.bins.splice(told.first - probe.first, Infinity, ...told.bins);
      const surplus = probe.bins.length - KEPT_BINS;
      if (surplus > 0) { probe.bins.splice(0, surplus); probe.first += surplus; }
      this.draw(name, probe, told.lost);
    }
  }

  draw(name, probe, lost) {
    const bins = probe.bins.slice(-SHOWN_BINS);
    const settled = bins.length - PATIENCE_BINS;
    const delays = bins.map((bin) => bin[3]).filter((delay) => delay !== null);
    const most = delays.length ? Math.max(...delays) : 1;
    const step = WIDTH / SHOWN_BINS;
    const from = SHOWN_BINS - bins.length;
    let line = "";
    let bars = "";
    let drawing = false;
    bins.forEach(([expected, arrived, mean], index) => {
      const x = (from + index) * step;
      if (index < settled && arrived < expected) {
        const high = ((expected - arrived) / expected) * (HEIGHT - TOP);
        bars += `M${x.toFixed(1)} ${HEIGHT}v${(-high).toFixed(1)}h${step.toFixed(1)}v${high.toFixed(1)}z`;
      }
      if (mean === null) { drawing = false; return; }
      const y = HEIGHT - 2 - (mean / (most * 1.1)) * (HEIGHT - TOP);
      line += `${drawing ? "L" : "M"}${(x + step / 2).toFixed(1)} ${y.toFixed(1)}`;
      drawing = true;
    });
    const { box } = probe;
    box.querySelector(".lost").setAttribute("d", bars);
    box.querySelector(".delay").setAttribute("d", line);
    const count = box.querySelector(".lost-count");
    count.textContent = `${lost.toLocaleString("en")} lost`;
    count.dataset.lost = lost;
    const last = bins.findLast((bin) => bin[2] !== null);
    box.querySelector(".last").textContent = last ? `delay ${last[2].toFixed(3)} ms` : "nothing arrives";
    box.querySelector(".scale").textContent =
      `last ${(SHOWN_BINS * BIN_S).toFixed(0)} s; line: delay, 0 to ${(most * 1.1).toFixed(1)} ms;`;
    box.querySelector("title").textContent = `${name}: ${count.textContent}, ${box.querySelector(".last").textContent}`;
  }
}
