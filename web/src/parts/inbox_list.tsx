// The failures that wait, worst first; a click opens one, N takes the next.

import { useEffect } from "preact/hooks";
import { signal } from "@preact/signals";

import { next } from "../input/commands";
import * as api from "../state/api";
import { send } from "../state/connection";
import { inboxOpen, newSceneOpen } from "../state/panels";
import * as store from "../state/store";
import type { Inbox, InboxEntry } from "../wire";
import { Icon } from "./icon";

const inbox = signal<Inbox | null>(null);
const trouble = signal<string | null>(null);
const WHY: Record<string, string> = {
  stall: "progress stalled",
  fall: "progress fell",
  judge: "judged failed",
  low_trust: "picture not trusted",
  time: "ran out of time",
};

async function refresh(): Promise<void> {
  try {
    inbox.value = await api.inbox();
    trouble.value = null;
  } catch (error) {
    trouble.value = (error as Error).message;
  }
}

export function InboxList() {
  const stale = store.inboxStale.value;
  useEffect(() => {
    void refresh();
    const timer = setInterval(() => void refresh(), 10_000);
    return () => clearInterval(timer);
  }, [stale]);
  const items = inbox.value?.items ?? [];
  const waiting = inbox.value?.waiting ?? items.length;
  return (
    <aside class={`inbox ${inboxOpen.value ? "open" : ""}`} aria-label="Inbox">
      <h2>
        <button type="button" aria-expanded={inboxOpen.value} onClick={() => (inboxOpen.value = !inboxOpen.value)}>
          Inbox <b>{waiting}</b>
        </button>
      </h2>
      {trouble.value && <p class="muted">{trouble.value}</p>}
      {inbox.value && items.length === 0 && <p class="muted">Nothing waits. New scenes come with Next.</p>}
      <ol>
        {items.map((entry) => (
          <Entry key={`${entry.session}/${entry.node}`} entry={entry} />
        ))}
      </ol>
      {store.me.value?.role !== "viewer" && (
        <div class="ways">
          <button type="button" class="act" onClick={() => (newSceneOpen.value = true)}>
            <Icon name="plus" />
            New scene
          </button>
          <button type="button" class="act" disabled={!store.item.value?.why} onClick={() => next(true)}>
            Skip
          </button>
        </div>
      )}
    </aside>
  );
}

function Entry({ entry }: { entry: InboxEntry }) {
  const on = store.session.value?.id === entry.session;
  return (
    <li>
      <button type="button" class={on ? "on" : ""} aria-current={on} onClick={() => send({ type: "open", session: entry.session })}>
        <span class="strip">
          {entry.thumbnails.slice(0, 3).map((node) => (
            <img key={node} src={api.frameUrl(entry.session, node)} alt="" width="56" height="56" loading="lazy" />
          ))}
        </span>
        <span class="why">
          {WHY[entry.why] ?? entry.why}
          <small>
            {entry.holder ? `with ${entry.holder}` : entry.reviews > 0 ? "second review" : `step ${entry.node}`}
          </small>
        </span>
      </button>
    </li>
  );
}
