// One event stream per browser: the tab that holds the lock reads it and passes everything on to the others.
const REOPEN_MS = 3000;
const EVENTS = ["change", "refetch", "health"];

export function followChanges(handlers) {
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("lab-events") : null;
  const tell = (name, data) => (name === "state" ? showState(data) : handlers[name](data));
  if (!channel || !navigator.locks) {
    open(tell);
    return;
  }
  channel.onmessage = ({ data: [name, data] }) => tell(name, data);
  navigator.locks.request("lab-events", () => new Promise(() => open((name, data) => {
    tell(name, data);
    channel.postMessage([name, data]);
  })));
}

function open(tell) {
  const source = new EventSource("/events");
  source.onopen = () => tell("state", "on");
  source.onerror = () => {
    tell("state", "off");
    if (source.readyState === EventSource.CLOSED) setTimeout(() => open(tell), REOPEN_MS);
  };
  for (const name of EVENTS) {
    source.addEventListener(name, (event) => {
      tell("state", "on");
      tell(name, JSON.parse(event.data));
    });
  }
}

function showState(state) {
  const element = document.querySelector("[data-stream]");
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  element.textContent = state === "on" ? "following changes" : "not following changes";
}
