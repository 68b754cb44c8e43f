// The buttons under the picture, drawn from what the session says is allowed now.

import { RUN } from "../input/commands";
import * as held from "../input/held";
import { keys } from "../input/keyboard";
import { type CommandKey, shown, textOf } from "../input/keys";
import * as store from "../state/store";
import type { CommandName } from "../wire";
import { Icon, type IconName } from "./icon";

interface Button {
  name: CommandKey;
  icon: IconName;
  text: string;
  needs: CommandName | null;
}

function driveButton(): Button {
  if (store.hand.value === "you") return { name: "drive", icon: "chip", text: "Hand back", needs: "hand_back" };
  const here = store.looking.value === null ? "Take over" : "Take over here";
  return { name: "drive", icon: "hand", text: here, needs: "take_over" };
}

function moveButtons(): Button[] {
  const you = store.hand.value === "you";
  return [
    store.phase.value === "holding"
      ? { name: "pause", icon: "play", text: "Go on", needs: "resume" }
      : { name: "pause", icon: "pause", text: "Pause", needs: "hold" },
    { name: "step", icon: "step", text: you ? "Wait" : "Step", needs: you ? null : "single_step" },
    { name: "rewind", icon: "back", text: "1 s", needs: "rewind" },
    { name: "rewindTakeover", icon: "toTakeover", text: "Takeover", needs: "rewind" },
    { name: "branch", icon: "branch", text: "Branch", needs: "branch" },
  ];
}

const LABELS: Button[] = [
  { name: "success", icon: "check", text: "Success", needs: "mark" },
  { name: "failure", icon: "cross", text: "Failure", needs: "mark" },
  { name: "unsure", icon: "question", text: "Unsure", needs: "mark" },
  { name: "undo", icon: "undo", text: "Undo", needs: "undo" },
];

export function Controls() {
  if (store.me.value?.role === "viewer") {
    return <p class="muted">You look on. Ask for an operator's link to take over.</p>;
  }
  return (
    <div class="controls" role="toolbar" aria-label="Controls">
      <Act {...driveButton()} look="primary" />
      {moveButtons().map((each) => (
        <Act key={each.name} {...each} />
      ))}
      <span class="fill" />
      {held.sticky.value && <span class="chip">sticky keys</span>}
      <Act name="next" icon="next" text="Next" needs={null} />
    </div>
  );
}

/** How did it go: the labels of the step that is shown. */
export function Labels() {
  if (store.me.value?.role === "viewer") return null;
  return (
    <section class="card labels" aria-label="How did it go?">
      <h2>How did it go?</h2>
      {LABELS.map((each) => (
        <Act key={each.name} {...each} look={`label-${each.name}`} />
      ))}
    </section>
  );
}

export function Act({ name, icon, text, needs, look = "" }: Button & { look?: string }) {
  const possible = needs === null ? store.link.value === "open" : store.allows(needs);
  return (
    <button
      type="button"
      class={`act ${look}`}
      disabled={!possible}
      title={textOf(name)}
      aria-keyshortcuts={keys.value[name]}
      data-command={name}
      onClick={() => RUN[name]()}
    >
      <Icon name={icon} />
      <span>{text}</span>
      <kbd>{shown(keys.value[name])}</kbd>
    </button>
  );
}
