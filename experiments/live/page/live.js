// The page of a running experiment: hears what happens, shows it, and passes on orders.

import { NetworkMap } from "./map.js";
import { Probes } from "./probes.js";

const SHOWN_EVENTS = 300;
const $ = (id) => document.getElementById(id);
const facts = await (await fetch("facts")).json();
const known = new Map(facts.trials.map((name) => [name, { events: [], news: null }]));
let chosen = facts.trials[0];
let followed = false;

const probes = new Probes($("probes"), facts);
const map = new NetworkMap($("network-map"), chooseSpan);
const rows = facts.spans.map(spanRow);

function spanRow(span) {
  const row = document.createElement("tr");
  row.innerHTML = '<td></td><td></td><td><span class="share"></span></td><td><span class="share"></span></td>';
  row.cells[0].textContent = span.id;
  row.cells[1].textContent = span.rate_mbps.toLocaleString("en", { maximumFractionDigits: 1 });
  $("span-rows").append(row);
  return row;
}

function chooseSpan(id) {
  const option = [...$("target").options].find((one) => JSON.parse(one.value).span === id);
  option.selected = true;
  chooseTarget();
}

function chooseTarget() {
  const { kind, span } = JSON.parse($("target").value);
  map.choose(span);
  const manners = kind === "controller-down"
    ? { crash: "crash: it is started anew when mended", hang: "hang: it stands still" }
    : { silent: "silently: nobody is told", carrier: "with loss of carrier" };
  if (!($("how").value in manners)) {
    $("how").replaceChildren(...Object.entries(manners).map(([value, words]) => new Option(words, value)));
  }
}

// Everything that is known of the chosen trial.
function show() {
  const { news, events } = known.get(chosen);
  if (!news) { return; }
  $("time").textContent = `${news.t_s.toFixed(1)} s`;
  $("stage").textContent = news.stage;
  map.show(facts, news.spans, news.broken);
  rows.forEach((row, index) => {
    row.classList.toggle("broken", facts.spans[index].id in news.broken);
    [2, 3].forEach((cell, end) => {
      const share = news.spans.length ? news.spans[index][end] : 0;
      const bar = row.cells[cell].firstChild;
      bar.textContent = `${(share * 100).toFixed(1)} %`;
      bar.style.setProperty("--share", share);
    });
  });
  showStanding(news);
  for (const button of document.querySelectorAll("[data-speed]")) {
    const speed = button.dataset.speed === "" ? null : Number(button.dataset.speed);
    button.setAttribute("aria-pressed", speed === news.speed);
    button.disabled = news.stage === "over";
  }
  for (const button of $("break").querySelectorAll("button")) { button.disabled = news.stage === "over"; }
  showEvents(events);
}

function showStanding(news) {
  const told = JSON.stringify([chosen, news.standing]);
  if ($("standing").dataset.told === told) { return; }
  $("standing").dataset.told = told;
  const entries = Object.entries(news.standing).map(([number, what]) => {
    const entry = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Mend";
    button.setAttribute("aria-label", `Mend ${what}`);
    button.addEventListener("click", () => order({ do: "mend", name: number }));
    entry.append(what, button);
    return entry;
  });
  if (!entries.length) {
    const nothing = document.createElement("li");
    nothing.className = "soft";
    nothing.textContent = "nothing";
    entries.push(nothing);
  }
  $("standing").replaceChildren(...entries);
}

function showEvents(events) {
  const told = `${chosen} ${events.length}`;
  if ($("events").dataset.told === told) { return; }
  $("events").dataset.told = told;
  $("events").replaceChildren(...events.slice(-SHOWN_EVENTS).reverse().map(([at, who, what]) => {
    const row = document.createElement("tr");
    row.className = who === "by hand" ? "hand" : "";
    for (const words of [at.toFixed(3), who, what]) { row.insertCell().textContent = words; }
    return row;
  }));
}

async function order(asked) {
  const said = $("said");
  try {
    const reply = await fetch("order", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ trial: chosen, ...asked }),
    });
    const answer = await reply.json();
    said.classList.toggle("wrong", !reply.ok);
    said.textContent = answer.said ?? answer.error;
  } catch {
    said.classList.add("wrong");
    said.textContent = "the experiment cannot be reached; it may be over";
  }
}

function hear(all) {
  for (const [name, news] of Object.entries(all.trials)) {
    const trial = known.get(name);
    trial.news = news;
    trial.events.push(...news.events);
    trial.bins ??= {};
    for (const [probe, told] of Object.entries(news.probes)) { remember(trial, probe, told); }
    if (!followed && news.stage === "running") { followed = true; change(name); }
  }
  const news = known.get(chosen).news;
  if (news) { probes.learn(news.probes); }
  show();
  if (all.result) { showResult(all.result); }
}

// So that another trial can be shown at once.
function remember(trial, probe, told) {
  const kept = (trial.bins[probe] ??= { first: told.first, bins: [], lost: 0 });
  kept.bins.splice(Math.max(0, told.first - kept.first), Infinity, ...told.bins);
  kept.lost = told.lost;
}

function change(name) {
  chosen = name;
  $("trial").value = name;
  probes.forget();
  probes.learn(known.get(name).bins ?? {});
  show();
}

function showResult(result) {
  $("result").hidden = false;
  if ($("result").dataset.told) { return; }
  $("result").dataset.told = "yes";
  const reasons = result.reasons.length ? `: ${result.reasons.join("; ")}` : "";
  $("result").append(`The run is over (${result.status})${reasons}. Its folder: ${result.folder} `);
  source.close();
  if (facts.stays) {
    const link = document.createElement("a");
    link.href = "report";
    link.textContent = "See the report";
    $("result").append(link);
  }
}

// The browser connects again by itself; then everything is told from the beginning.
const source = new EventSource("events");
let fresh = true;
source.onopen = () => {
  $("connection").textContent = "";
  fresh = true;
};
source.onerror = () => { $("connection").textContent = "not connected: the experiment's page has ended, or will be back"; };
source.onmessage = (message) => {
  if (fresh) {
    fresh = false;
    probes.forget();
    for (const trial of known.values()) { trial.events = []; trial.bins = {}; }
  }
  hear(JSON.parse(message.data));
};

$("trial").addEventListener("change", () => { followed = true; change($("trial").value); });
$("target").addEventListener("change", chooseTarget);
$("break").addEventListener("submit", (event) => {
  event.preventDefault();
  const fault = JSON.parse($("target").value);
  const manner = fault.kind === "controller-down" ? "how" : "visibility";
  order({ do: "fault", fault: { ...fault, [manner]: $("how").value } });
});
$("mend-all").addEventListener("click", () => order({ do: "mend", name: "all" }));
$("speeds")?.addEventListener("click", (event) => {
  const { speed } = event.target.dataset;
  if (speed !== undefined) { order({ do: "speed", speed: speed === "" ? null : Number(speed) }); }
});
chooseTarget();
