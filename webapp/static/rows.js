// Puts changed numbers into the page, in place. The texts come ready from the server.
import { ageText } from "./ages.js";

const REFETCH_MS = 300;
const FLASH_MS = 1200;
let waiting = null;
let lastFetch = 0;

export function applyChange({ customer_id: id, row }) {
  const place = document.querySelector("[data-refetch]");
  if (!place) return;
  if (place.dataset.only) {
    if (place.dataset.only === id) refetch();
    return;
  }
  const element = place.querySelector(`[data-customer="${CSS.escape(id)}"]`);
  if (!element) {
    if (row && "takesNew" in place.dataset) refetch();
  } else if (!row) {
    element.remove();
  } else {
    fill(element, row);
  }
}

function fill(element, row) {
  for (const cell of element.querySelectorAll("[data-cell]")) {
    const value = row[cell.dataset.cell];
    if ("age" in cell.dataset) {
      cell.dataset.age = value ?? "";
      cell.textContent = ageText(value);
    } else {
      put(cell, value);
    }
  }
  for (const cell of element.querySelectorAll("[data-differ]")) {
    cell.toggleAttribute("data-differs", row.differ[cell.dataset.differ]);
  }
  if (element.dataset.pending && [row.live_event_id, row.gold_event_id].includes(element.dataset.pending)) {
    delete element.dataset.pending;
  }
}

function put(cell, text) {
  if (cell.textContent === text) return;
  cell.textContent = text;
  if ("value" in cell.dataset) cell.dataset.value = text;
  flash(cell);
}

function flash(cell) {
  cell.classList.remove("changed");
  requestAnimationFrame(() => cell.classList.add("changed"));
  setTimeout(() => cell.classList.remove("changed"), FLASH_MS);
}

// At most one fetch at a time, at most a few a second, however many changes come.
export function refetch() {
  if (waiting) return;
  const pause = Math.max(30, lastFetch + REFETCH_MS - Date.now());
  waiting = setTimeout(async () => {
    try {
      await fetchPart();
    } finally {
      lastFetch = Date.now();
      waiting = null;
    }
  }, pause);
}

async function fetchPart() {
  const place = document.querySelector("[data-refetch]");
  if (!place) return;
  const address = new URL(location.href);
  address.searchParams.set("part", place.dataset.refetch);
  const answer = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer || !answer.ok) return;
  const fresh = document.createElement("div");
  fresh.innerHTML = await answer.text();  // our own server's template, which escapes all data
  const rows = place.querySelector("tbody");
  const freshRows = fresh.querySelector("tbody");
  if (place.dataset.refetch === "rows" && rows && freshRows) {
    mergeRows(rows, freshRows);
    place.querySelector(".pager")?.replaceWith(fresh.querySelector(".pager"));
  } else {
    replaceKeepingFocus(place, fresh);
  }
}

// Rows that are there stay the same elements, so that neither focus nor a half-made click is lost.
function mergeRows(rows, freshRows) {
  const known = new Map([...rows.children].map((row) => [row.dataset.customer, row]));
  const added = [];
  for (const fresh of [...freshRows.children]) {
    const old = known.get(fresh.dataset.customer);
    if (!old) {
      added.push(fresh);
    } else {
      known.delete(fresh.dataset.customer);
      copyCells(fresh, old);
    }
  }
  const hasFocus = (row) => row.contains(document.activeElement);
  for (const gone of known.values()) if (!hasFocus(gone)) gone.remove();
  rows.prepend(...added);
}

function copyCells(fresh, old) {
  const freshCells = fresh.querySelectorAll("[data-cell]");
  old.querySelectorAll("[data-cell]").forEach((cell, index) => {
    const now = freshCells[index];
    if ("age" in cell.dataset) cell.dataset.age = now.dataset.age;
    else put(cell, now.textContent);
  });
  const freshPairs = fresh.querySelectorAll("[data-differ]");
  old.querySelectorAll("[data-differ]").forEach((cell, index) => {
    cell.toggleAttribute("data-differs", freshPairs[index].hasAttribute("data-differs"));
  });
}

function replaceKeepingFocus(place, fresh) {
  if (place.innerHTML === fresh.innerHTML) return;
  const label = document.activeElement?.getAttribute("aria-label");
  const held = place.contains(document.activeElement) && label;
  place.replaceChildren(...fresh.childNodes);
  if (held) place.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();
}
