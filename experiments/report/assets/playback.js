"use strict";
/* What a playback (experiments/report/playback.py) says of a moment. */
function decodeUtilisation(playback) {
  for (const ways of Object.values(playback.utilisation?.spans ?? {})) {
    for (const site of Object.keys(ways)) {
      ways[site] = Uint8Array.from(atob(ways[site]), (letter) => letter.charCodeAt(0));
    }
  }
}

function utilisationAt(load, span, site, frame) {
  const level = load?.spans[span]?.[site]?.[frame];
  return level === undefined || level === 255 ? null : level / 250;
}

function percent(share) { return share === null ? "not known" : `${(100 * share).toFixed(0)} %`; }

function wayAt(flow, timeS) { return flow.ways.findLast((way) => way.at <= timeS) ?? flow.ways[0]; }

function lostByColumn(playback, fromS, untilS, columns) {
  const counts = new Array(columns).fill(0);
  for (const probe of playback.losses) {
    for (const [bin, count] of probe.at) {
      // A bin may be wider than a column: its packets are spread over it.
      const first = ((bin * probe.binMs) / 1000 - fromS) / (untilS - fromS) * columns;
      const last = (((bin + 1) * probe.binMs) / 1000 - fromS) / (untilS - fromS) * columns;
      for (let at = Math.max(0, Math.floor(first)); at < Math.min(columns, Math.ceil(last)); at += 1) {
        counts[at] += count * (Math.min(last, at + 1) - Math.max(first, at)) / (last - first);
      }
    }
  }
  return counts;
}
