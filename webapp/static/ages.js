// Ages tick without asking the server. The rule is that of show.py.
const STEP_MS = 1000;
const served = Number(document.querySelector('meta[name="server-now"]').content);
const ahead = served ? served - Date.now() : 0;

export function ageText(atMs) {
  if (!atMs) return "–";
  const seconds = Math.floor(Math.max(0, Date.now() + ahead - atMs) / 1000);
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${seconds} s ago`;
}

function tick() {
  for (const element of document.querySelectorAll("time[data-age]")) {
    const text = ageText(Number(element.dataset.age));
    if (element.textContent !== text) element.textContent = text;
  }
}

export function keepAgesTicking() {
  setInterval(tick, STEP_MS);
}
