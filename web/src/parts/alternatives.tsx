// What else happened from the same place: every branch beyond the last fork as a small looping clip, side by side.

import { useEffect, useRef, useState } from "preact/hooks";

import { label, look } from "../input/commands";
import { frameUrl, ghostUrl } from "../state/api";
import { send } from "../state/connection";
import { alternativesOpen } from "../state/panels";
import * as store from "../state/store";
import { Icon } from "./icon";

const MOST_FRAMES = 60;
const FRAME_MS = 90;

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
  const at = store.state.value?.head;
  useEffect(() => {
    if (store.session.value && at !== undefined && store.hand.value === "nobody") {
      send({ type: "ghost", session: store.session.value.id, node: at });
    }
  }, [at]);
  const ghost = store.ghost.value?.node === at ? store.ghost.value : null;
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
      {ends.length === 0 && !ghost && (
        <p class="muted">Only one way so far. Rewind to the takeover and steer once more: both ways then stand here side by side.</p>
      )}
      <ul>
        {ends.map((id, number) => (
          <Way key={id} id={id} number={number + 1} frames={framesAfter(fork, id)} others={ends.filter((each) => each !== id)} />
        ))}
        {ghost && store.session.value && (
          <li class="way ghost">
            <Clip frames={Array.from({ length: ghost.count }, (_, n) => ghostUrl(store.session.value!.id, ghost.node, n))} name="What the policy would do" />
            <p>policy, from here</p>
          </li>
        )}
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

/** Plays pictures in a loop; stands still where motion is unwelcome. */
function Clip({ frames, name }: { frames: string[]; name: string }) {
  const [at, setAt] = useState(0);
  const pictures = useRef<HTMLImageElement[]>([]);
  useEffect(() => {
    pictures.current = frames.map((url) => Object.assign(new Image(), { src: url }));
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      setAt(frames.length - 1);
      return;
    }
    const timer = setInterval(() => setAt((now) => (now + 1) % (frames.length + 6)), FRAME_MS);
    return () => clearInterval(timer);
  }, [frames.length, frames.at(-1)]);
  return <img class="clip" src={frames[Math.min(at, frames.length - 1)]} alt={name} width="160" height="160" />;
}
