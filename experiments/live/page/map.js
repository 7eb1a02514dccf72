// The map: load as colour, what is broken, and the choice of a span.

const BORDERS = [0.05, 0.25, 0.5, 0.8];
const SVG = "http://www.w3.org/2000/svg";

export class NetworkMap {
  constructor(root, choose) {
    this.spans = new Map();
    for (const group of root.querySelectorAll(".span")) {
      const line = group.querySelector("path");
      const reach = document.createElementNS(SVG, "path");
      reach.setAttribute("class", "reach");
      reach.setAttribute("d", line.getAttribute("d"));
      group.append(reach);
      group.addEventListener("click", () => choose(group.dataset.id));
      this.spans.set(group.dataset.id, group);
    }
  }

  choose(id) {
    for (const [name, group] of this.spans) { group.classList.toggle("chosen", name === id); }
  }

  show(facts, shares, broken) {
    facts.spans.forEach((span, index) => {
      const group = this.spans.get(span.id);
      if (!group) { return; } // a cable inside a site is not on the map
      const fuller = shares.length ? Math.max(...shares[index]) : 0;
      group.dataset.u = BORDERS.filter((border) => fuller >= border).length;
      group.classList.toggle("broken", span.id in broken);
    });
  }
}
