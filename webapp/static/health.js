// Says what is down and since when.
import { ageText } from "./ages.js";

export function showHealth(stations) {
  const box = document.querySelector("[data-health]");
  const troubles = stations.filter(({ state }) => state === "down" || state === "waiting");
  box.hidden = troubles.length === 0;
  box.replaceChildren(...troubles.map(line));
}

function line({ name, state, since_ms: since, reason }) {
  const who = document.createElement("strong");
  who.textContent = name;
  const when = document.createElement("time");
  when.dataset.age = since;
  when.textContent = ageText(since);
  const paragraph = document.createElement("p");
  paragraph.append(who, ` is ${state} since `, when, `: ${reason ?? ""}`);
  return paragraph;
}
