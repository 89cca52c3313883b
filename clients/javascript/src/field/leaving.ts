const senders = new Set<unknown>();

function ask(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/** Whoever leaves the page while somebody is sending is asked. Nobody listens otherwise, for that costs the page its cache. */
export function askBeforeLeaving(sender: unknown, sending: boolean): void {
  if (sending) senders.add(sender);
  else senders.delete(sender);
  if (senders.size > 0) addEventListener("beforeunload", ask);
  else removeEventListener("beforeunload", ask);
}
