// What else happened from the same place: every branch beyond the last fork as a small looping clip, side by side.

import { label, look } from "../input/commands";
import { frameUrl } from "../state/api";
import { alternativesOpen } from "../state/panels";
import * as store from "../state/store";
import { Clip } from "./clip";
import { GhostClip } from "./ghost";
import { Icon } from "./icon";

const MOST_FRAMES = 60;

/** The last node before what is shown at which branches part, and their ends. */
export function alternativesHere(): { fork: number | null; ends: number[] } {
  const path = store.shownPath.value;
  const fork = path.findLast((id) => store.tree.children(id).length > 1) ?? null;
  const ends = fork === null ? [] : store.tree.ends().filter((id) => store.tree.path(id).includes(fork));
  return { fork, ends };
}

export function Alternatives() {
  store.treeVersion.value;
  const { fork, ends } = alternativesHere();
  return (
    <section class="alternatives" aria-label="Alternatives">
      <header>
        <h2>
          {fork === null ? "Alternatives" : `From step ${store.tree.get(fork)?.step}: ${ends.length} ways`}
        </h2>
        {ends.length > 1 && (
          <button type="button" class="act" onClick={() => ends.forEach((id) => label("success", id, "kept with the others"))}>
            Keep all
          </button>
        )}
        <button type="button" class="quiet" aria-label="Close" onClick={() => (alternativesOpen.value = false)}>
          <Icon name="cross" />
        </button>
      </header>
      {ends.length === 0 && (
        <p class="muted">Only one way so far. Rewind to the takeover and steer once more: both ways then stand here side by side.</p>
      )}
      <ul>
        {ends.map((id, number) => (
          <Way key={id} id={id} number={number + 1} frames={framesAfter(fork, id)} others={ends.filter((each) => each !== id)} />
        ))}
        <li class="way ghost">
          <GhostClip />
        </li>
      </ul>
    </section>
  );
}

function framesAfter(fork: number | null, end: number): string[] {
  const path = store.tree.path(end);
  const ids = path.slice(Math.max(0, path.indexOf(fork ?? -1)));
  const every = Math.max(1, Math.ceil(ids.length / MOST_FRAMES));
  const id = store.session.value?.id ?? "";
  return ids.filter((_, at) => at % every === 0 || at === ids.length - 1).map((node) => frameUrl(id, node));
}

function Way(props: { id: number; number: number; frames: string[]; others: number[] }) {
  const row = store.tree.get(props.id);
  const mark = store.marks.value.get(props.id)?.label;
  const by = store.tree.path(props.id).some((id) => store.tree.get(id)?.driver === "person") ? "person" : "policy";
  return (
    <li class={`way ${mark ?? ""}`}>
      <button type="button" class="clip-button" aria-label={`Look at way ${props.number}`} onClick={() => look(props.id)}>
        <Clip frames={props.frames} name={`Way ${props.number}, ${by}`} />
      </button>
      <p>
        <b>{props.number}</b> {by}, {row?.progress == null ? "" : `${Math.round(100 * row.progress)} %`} {mark && <span class="chip">{mark}</span>}
      </p>
      <div class="picks">
        <button
          type="button"
          class="act"
          onClick={() => {
            props.others.forEach((id) => label("failure", id, "another way was picked"));
            label("success", props.id, "picked");
          }}
        >
          Pick
        </button>
        <button type="button" class="act" onClick={() => label("failure", props.id, "discarded")}>
          Discard
        </button>
      </div>
    </li>
  );
}
