// The keys of one hand beside the picture: they show what is pressed, and are buttons for fingers on a tablet.

import { keys } from "../input/keyboard";
import { type MoveKey, shown } from "../input/keys";
import * as held from "../input/held";
import { hands, toggleGrip, use } from "../input/steer";
import * as store from "../state/store";

const ROWS: [MoveKey[], MoveKey[]][] = [
  [
    ["leftLower", "leftUp", "leftRaise"],
    ["leftLeft", "leftDown", "leftRight"],
  ],
  [
    ["rightLower", "rightUp", "rightRaise"],
    ["rightLeft", "rightDown", "rightRight"],
  ],
];
const SIGNS: Record<string, string> = { Up: "↑", Down: "↓", Left: "←", Right: "→", Lower: "⤓", Raise: "⤒" };
const SAID: Record<string, string> = { Up: "away", Down: "near", Left: "left", Right: "right", Lower: "lower", Raise: "raise" };

export function Pad({ hand }: { hand: 0 | 1 }) {
  store.session.value;
  if (hand === 1 && hands.count < 2) return <div class="pad none" />;
  const side = hands.count < 2 ? "Hand" : hand === 0 ? "Left hand" : "Right hand";
  const ready = store.steering.value;
  return (
    <div class={`pad hand${hand} ${ready ? "ready" : ""}`} role="group" aria-label={side}>
      <span class="side-name">{side}</span>
      {ROWS[hand]!.flat().map((name) => (
        <PadKey key={name} name={name} ready={ready} side={side} />
      ))}
      <button
        type="button"
        class="wide"
        disabled={!ready}
        onClick={() => {
          use("pointer");
          toggleGrip(hand);
        }}
      >
        <kbd>{shown(keys.value[hand === 0 ? "leftGrip" : "rightGrip"])}</kbd> grip
      </button>
      {hand === 0 && (
        <button type="button" class="wide" aria-pressed={held.slow.value} onClick={() => (held.slow.value = !held.slow.value)}>
          <kbd>{shown(keys.value.slow)}</kbd> slow
        </button>
      )}
      {hand === hands.count - 1 && (
        <button type="button" class="wide" aria-pressed={held.turning.value} disabled={!ready} onClick={() => (held.turning.value = !held.turning.value)}>
          <kbd>⇧</kbd> turn
        </button>
      )}
    </div>
  );
}

function PadKey({ name, ready, side }: { name: MoveKey; ready: boolean; side: string }) {
  const down = held.heldKeys.value.has(name);
  const way = name.replace(/^(left|right)/, "");
  const release = () => held.release(name);
  return (
    <button
      type="button"
      disabled={!ready}
      aria-pressed={down}
      onPointerDown={(event) => {
        (event.currentTarget as Element).setPointerCapture(event.pointerId);
        use("pointer");
        held.press(name);
      }}
      onPointerUp={release}
      onPointerCancel={release}
      onContextMenu={(event) => event.preventDefault()}
    >
      <kbd>{shown(keys.value[name])}</kbd>
      <span aria-hidden="true">{SIGNS[way]}</span>
      <span class="unseen">
        {side} {SAID[way]}
      </span>
    </button>
  );
}
