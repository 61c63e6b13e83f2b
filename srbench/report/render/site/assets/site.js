"use strict";
// Everything here adds to pages that are complete without it.
(() => {
  const all = (selector, from = document) => Array.from(from.querySelectorAll(selector));
  const one = (selector, from = document) => from.querySelector(selector);
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  // Tables: sort by any column. Cells without a value stay last.
  function valueOf(row, column) {
    const cell = row.cells[column];
    const text = cell.dataset.v ?? cell.textContent.trim();
    if (text === "" || text === "–") return null;
    const number = Number(text);
    return Number.isNaN(number) ? text.toLowerCase() : number;
  }
  function sortBy(table, column, direction) {
    const sign = direction === "ascending" ? 1 : -1;
    const body = table.tBodies[0];
    const rows = Array.from(body.rows).map((row) => [valueOf(row, column), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
      return (a < b ? -1 : a > b ? 1 : 0) * sign;
    });
    body.append(...rows.map(([, row]) => row));
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[column].setAttribute("aria-sort", direction);
  }
  for (const table of all("table.sortable")) {
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const first = head.dataset.first ?? "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        sortBy(table, column, head.getAttribute("aria-sort") === first ? other : first);
      });
    });
  }

  // Filters.
  for (const element of all(".enhance")) element.hidden = false;
  const task = one("#task-filter"), backbone = one("#backbone-filter");
  const reference = one("#reference-filter"), count = one("#shown-count");
  const text = one("#text-filter"), commercial = one("#commercial-filter");
  function filterRows() {
    const labels = new Set(), shown = new Set(), wanted = text.value.trim().toLowerCase();
    for (const row of all(".scores tbody tr[data-row]")) {
      const said = [row.dataset.row, row.dataset.task, row.dataset.backbone].join(" ").toLowerCase();
      const keep = said.includes(wanted) && (!commercial.checked || "commercial" in row.dataset)
        && (!task.value || row.dataset.task === task.value)
        && (!backbone.value || row.dataset.backbone === backbone.value)
        && (reference.checked || !row.classList.contains("reference"));
      row.hidden = !keep;
      labels.add(row.dataset.row);
      if (keep) shown.add(row.dataset.row);
    }
    for (const spot of all(".spot")) spot.style.display = shown.has(spot.dataset.row) ? "" : "none";
    count.textContent = shown.size === labels.size ? "" : `${shown.size} of ${labels.size} rows`;
  }
  if (task) for (const control of [task, backbone, reference, commercial]) control.addEventListener("change", filterRows);
  text?.addEventListener("input", filterRows);
  const sets = all("#dataset-filter button");
  function showSet(name) {
    for (const button of sets) button.setAttribute("aria-pressed", String(button.dataset.set === name));
    for (const part of all(".dataset")) part.hidden = name !== "" && part.dataset.dataset !== name;
  }
  for (const button of sets) button.addEventListener("click", () => showSet(button.dataset.set));
  const lead = sets.find((button) => "lead" in button.dataset);
  if (lead) showSet(lead.dataset.set);
  const track = one("#track-filter");
  track?.addEventListener("change", () => {
    for (const item of all("#suites li")) item.hidden = track.value !== "" && item.dataset.track !== track.value;
  });

  // The plane: a tip for the point under the pointer or the focus, its rows marked.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  let current = null;
  function showTip(spot) {
    current = spot;
    const box = one(".target", spot).getBoundingClientRect();
    tip.textContent = spot.getAttribute("aria-label");
    tip.hidden = false;
    const left = clamp(box.left + box.width / 2 - tip.offsetWidth / 2, 8, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const above = box.top - tip.offsetHeight - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : box.bottom + 8}px`;
    mark(spot.dataset.row, true);
  }
  function hideTip(spot) { current = null; tip.hidden = true; mark(spot.dataset.row, false); }
  function mark(label, on) {
    for (const row of all(".scores tbody tr")) if (row.dataset.row === label) row.classList.toggle("marked", on);
  }
  for (const spot of all(".spot")) {
    const title = one("title", spot);  // without scripts, the browser's own tip
    spot.setAttribute("aria-label", title.textContent);
    title.remove();
    spot.addEventListener("pointerenter", () => showTip(spot));
    spot.addEventListener("pointerleave", () => hideTip(spot));
    spot.addEventListener("focus", () => showTip(spot));
    spot.addEventListener("blur", () => hideTip(spot));
  }
  if (one(".spot")) {
    document.body.append(tip);
    addEventListener("scroll", () => { if (current) showTip(current); }, { passive: true });
    for (const row of all(".scores tbody tr")) {
      const spots = () => all(".spot").filter((spot) => spot.dataset.row === row.dataset.row);
      row.addEventListener("pointerenter", () => spots().forEach((spot) => spot.classList.add("marked")));
      row.addEventListener("pointerleave", () => spots().forEach((spot) => spot.classList.remove("marked")));
    }
  }

  // Two pictures under one slider, zoomed and moved together.
  const box = one("#slider");
  if (box) compare(box);
  function compare(box) {
    const stage = one(".stage", box), left = one(".left", box), right = one(".right", box);
    const pickLeft = one("#pick-left"), pickRight = one("#pick-right");
    const view = { split: 0.5, zoom: 1, x: 0, y: 0 };
    const handle = document.createElement("div");
    handle.className = "handle";
    handle.tabIndex = 0;
    for (const [name, value] of Object.entries({ role: "slider", "aria-label": "Divider between the two pictures", "aria-valuemin": 0, "aria-valuemax": 100, "aria-orientation": "horizontal" })) handle.setAttribute(name, value);
    const names = ["on-left", "on-right"].map((side) => {
      const element = document.createElement("span");
      element.className = `side ${side}`;
      return element;
    });
    box.append(...names, handle);
    box.classList.add("live");

    function draw() {
      const { width, height } = box.getBoundingClientRect();
      view.x = clamp(view.x, width * (1 - view.zoom), 0);
      view.y = clamp(view.y, height * (1 - view.zoom), 0);
      stage.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
      // The divider stays where it is in the window; the cut moves through the zoomed picture.
      const cut = clamp((view.split * width - view.x) / (width * view.zoom), 0, 1);
      left.style.clipPath = `inset(0 ${(100 * (1 - cut)).toFixed(3)}% 0 0)`;
      handle.style.left = `${100 * view.split}%`;
      const percent = Math.round(100 * view.split);
      handle.setAttribute("aria-valuenow", percent);
      handle.setAttribute("aria-valuetext", `${percent} % ${names[0].textContent}, ${100 - percent} % ${names[1].textContent}`);
    }
    function pick() {
      for (const [select, image, name] of [[pickLeft, left, names[0]], [pickRight, right, names[1]]]) {
        const option = select.selectedOptions[0];
        if (image.getAttribute("src") !== option.dataset.src) image.src = option.dataset.src;
        image.alt = option.textContent;
        name.textContent = option.textContent;
      }
      const chosen = [pickLeft.value, pickRight.value];
      for (const row of all(".beside tbody tr")) row.classList.toggle("marked", chosen.includes(row.dataset.row));
      for (const link of all("[data-pick]")) {
        if (chosen.includes(link.dataset.pick)) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
      draw();
    }
    function zoomTo(zoom, at = { x: 0.5, y: 0.5 }) {
      const { width, height } = box.getBoundingClientRect();
      const px = at.x * width, py = at.y * height;
      view.x = px - (px - view.x) * zoom / view.zoom;
      view.y = py - (py - view.y) * zoom / view.zoom;
      view.zoom = zoom;
      box.classList.toggle("zoomed", zoom > 1);
      for (const button of all("[data-zoom]")) button.setAttribute("aria-pressed", String(Number(button.dataset.zoom) === zoom));
      draw();
    }
    let drag = null;
    box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const moving = view.zoom > 1 && event.target !== handle;
      drag = { moving, x: event.clientX, y: event.clientY };
      box.setPointerCapture(event.pointerId);
      if (!moving) { split(event); handle.focus({ preventScroll: true, focusVisible: false }); }
    });
    box.addEventListener("pointermove", (event) => {
      if (!drag) return;
      if (drag.moving) {
        view.x += event.clientX - drag.x;
        view.y += event.clientY - drag.y;
        drag.x = event.clientX;
        drag.y = event.clientY;
        draw();
      } else split(event);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) box.addEventListener(end, () => { drag = null; });
    function split(event) {
      const { left: start, width } = box.getBoundingClientRect();
      view.split = clamp((event.clientX - start) / width, 0, 1);
      draw();
    }
    box.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;  // a plain wheel scrolls the page
      event.preventDefault();
      const { left: start, top, width, height } = box.getBoundingClientRect();
      const zoom = clamp(view.zoom * (event.deltaY < 0 ? 2 : 0.5), 1, 8);
      zoomTo(zoom, { x: (event.clientX - start) / width, y: (event.clientY - top) / height });
    }, { passive: false });
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.shiftKey && step && view.zoom > 1) {
        view.x -= step[0] * 40;
        view.y -= step[1] * 40;
      } else if (step) view.split = clamp(view.split + (step[0] - step[1]) * 0.02, 0, 1);
      else if (event.key === "Home") view.split = 0;
      else if (event.key === "End") view.split = 1;
      else if (event.key === "PageUp") view.split = clamp(view.split + 0.1, 0, 1);
      else if (event.key === "PageDown") view.split = clamp(view.split - 0.1, 0, 1);
      else return;
      event.preventDefault();
      draw();
    });
    for (const button of all("[data-zoom]")) button.addEventListener("click", () => zoomTo(Number(button.dataset.zoom)));
    for (const select of [pickLeft, pickRight]) select.addEventListener("change", pick);
    one("#swap").addEventListener("click", () => {
      [pickLeft.value, pickRight.value] = [pickRight.value, pickLeft.value];
      pick();
    });
    for (const link of all("[data-pick]")) link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      pickRight.value = link.dataset.pick;
      pick();
      box.scrollIntoView({ block: "nearest" });
    });
    addEventListener("resize", draw);
    pick();
  }
})();
