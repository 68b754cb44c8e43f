// What the operator can ask for, by key, button or stick, as messages to the server.

import { send, sendKept } from "../state/connection";
import * as store from "../state/store";
import type { CommandName, LabelName } from "../wire";
import * as held from "./held";
import type { CommandKey } from "./keys";
import { waitOneStep } from "./steer";
import { sheetOpen, alternativesOpen } from "../state/panels";

interface Extra {
  node?: number;
  label?: LabelName;
  reason?: string;
}

/** Sends a session command if the phase takes it; says so where it does not. */
export function command(name: CommandName, extra: Extra = {}): boolean {
  if (store.link.value !== "open") {
    store.notify("Not connected. Wait until the connection is back.", "bad", 3000);
    return false;
  }
  if (!store.allows(name)) return false;
  sendKept({ type: "command", name, ...extra });
  return true;
}

/** Take over, from what is shown; or hand back. */
export function drive(): void {
  if (store.hand.value === "you") {
    command("hand_back");
    return;
  }
  goToShown();
  store.expecting.value = command("take_over");
}

export function pause(): void {
  if (store.phase.value === "holding") {
    goToShown();
    command("resume");
  } else command("hold");
}

export function singleStep(): void {
  if (store.hand.value === "you") return waitOneStep();
  if (store.hand.value === "policy") command("hold");
  goToShown();
  sendKeptIfHolding();
}

function sendKeptIfHolding(): void {
  if (store.phase.value === "holding") command("single_step");
}

/** Moves the head to the node that is looked at. */
function goToShown(): void {
  const node = store.looking.value;
  if (node !== null && node !== store.state.value?.head) rewindTo(node);
}

export function rewindTo(node: number): void {
  if (command("rewind", { node })) look(node); // until the head is there
}

/** Rewinds by a time, from what is shown. */
export function rewindBy(seconds: number): void {
  const path = store.tree.path(store.shownNow());
  const back = Math.round(seconds * (store.session.value?.fps ?? 10));
  const node = path[Math.max(0, path.length - 1 - back)];
  if (node !== undefined) rewindTo(node);
}

export function rewindToTakeover(): void {
  const node = store.tree.lastTakeover(store.shownNow());
  if (node === null) store.notify("Nobody has taken over on this branch yet.");
  else rewindTo(node);
}

/** Looks at another step without moving the head. */
export function scrub(by: number): void {
  const path = store.tree.through(store.shownNow());
  const at = path.indexOf(store.shownNow() ?? -1);
  const node = path[Math.max(0, Math.min(path.length - 1, at + by))];
  if (node === undefined || store.hand.value === "you") return;
  look(node);
}

export function look(node: number): void {
  store.looking.value = node === store.state.value?.head ? null : node;
}

export function branch(): void {
  const node = store.shownNow();
  if (node !== null && command("branch", { node })) look(node);
}

export function label(name: LabelName, node = store.shownNow(), reason?: string): void {
  if (node !== null) command("mark", { node, label: name, ...(reason ? { reason } : {}) });
}

/** Goes on to the next. A failure that was not labelled goes to others: without that, it would come again at once. */
export function next(skip = unlabelled()): void {
  if (store.me.value?.role === "viewer") return;
  send({ type: "next", skip });
}

function unlabelled(): boolean {
  const mine = store.me.value?.user;
  return Boolean(store.item.value?.why) && ![...store.marks.value.values()].some((mark) => mark.operator === mine);
}

export const RUN: Record<CommandKey, () => void> = {
  drive,
  pause,
  step: singleStep,
  rewind: () => rewindBy(1),
  rewindTakeover: rewindToTakeover,
  scrubBack: () => scrub(-1),
  scrubOn: () => scrub(1),
  branch,
  alternatives: () => (alternativesOpen.value = !alternativesOpen.value),
  next: () => next(),
  success: () => label("success"),
  failure: () => label("failure"),
  unsure: () => label("unsure"),
  undo: () => command("undo"),
  sticky: () => {
    held.releaseAll();
    held.sticky.value = !held.sticky.value;
    store.notify(held.sticky.value ? "Sticky keys on: press once to move, again to stop." : "Sticky keys off: hold to move.");
  },
  sheet: () => (sheetOpen.value = !sheetOpen.value),
};
