// Sends forms without leaving the page; what came of it is shown as a banner.
const SHOWN_MS = 8000;
const PENDING_MS = 10000;

export function enhanceForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!("enhance" in form.dataset)) return;
    event.preventDefault();
    if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) return;
    send(form);
  });
}

async function send(form) {
  const button = form.querySelector("button");
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    const [answer, body] = await post(form);
    showBanner(answer.ok ? body.banner : body.reason, answer.ok ? "done" : "failed");
    if (answer.ok) follow(form, body);
  } catch {
    showBanner("The web app does not answer. Whether the event was sent is unknown.", "failed");
  } finally {
    button.removeAttribute("aria-busy");
  }
}

// The token of a page that outlived the web app's last start is renewed once.
async function post(form) {
  let [answer, body] = await postOnce(form);
  if (answer.status === 400 && body.error === "csrf") {
    const session = await fetch("/session", { headers: { Accept: "application/json" } });
    const { csrf_token: token } = await session.json();
    for (const field of document.querySelectorAll('input[name="csrf_token"]')) field.value = token;
    [answer, body] = await postOnce(form);
  }
  return [answer, body];
}

async function postOnce(form) {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    headers: { Accept: "application/json" },
  });
  return [answer, await answer.json()];
}

function follow(form, body) {
  if (form.classList.contains("create")) {
    form.querySelectorAll(".fields input").forEach((field) => { field.value = ""; });
    return;
  }
  const row = form.closest("[data-customer]");
  if (!row) return;
  row.dataset.pending = body.event_id;
  setTimeout(() => {
    if (row.dataset.pending === body.event_id) delete row.dataset.pending;
  }, PENDING_MS);
}

export function showBanner(text, kind) {
  const banner = document.createElement("p");
  banner.className = `banner ${kind}`;
  banner.textContent = text;
  const box = document.querySelector("[data-banners]");
  box.prepend(banner);
  while (box.children.length > 3) box.lastElementChild.remove();
  setTimeout(() => banner.remove(), SHOWN_MS);
}
