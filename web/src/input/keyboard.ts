// The keyboard: movement while held, commands on press; only while the stage has focus.

import { signal } from "@preact/signals";

import { storeKeys } from "../state/api";
import * as store from "../state/store";
import { RUN } from "./commands";
import * as held from "./held";
import { type ActionName, actionOf, type CommandKey, DEFAULT_KEYS, isMove, isToggle, type KeyMap, keyMap } from "./keys";
import { toggleGrip, use } from "./steer";

export const keys = signal<KeyMap>(DEFAULT_KEYS);
/** Commands that go on while their key repeats. */
const REPEATING = new Set<ActionName>(["scrubBack", "scrubOn", "rewind", "step"]);

export function loadKeys(stored: unknown): void {
  keys.value = keyMap(stored);
}

/** Changes a key and stores the map with the user. */
export async function remap(name: ActionName | null, key: string): Promise<void> {
  keys.value = name === null ? DEFAULT_KEYS : { ...keys.value, [name]: key };
  const own = Object.entries(keys.value).filter(([each, code]) => DEFAULT_KEYS[each as ActionName] !== code);
  try {
    await storeKeys(Object.fromEntries(own));
  } catch (error) {
    store.notify(`The keys hold until the page is left; they could not be stored: ${(error as Error).message}`, "bad");
  }
}

export function onKeyDown(event: KeyboardEvent): void {
  const name = actionOf(keys.value, event);
  if (name === null || event.altKey) return;
  event.preventDefault();
  if (isMove(name)) {
    held.turning.value = event.shiftKey;
    if (event.repeat || !(store.steering.value || store.expecting.value)) return;
    use("keyboard");
    held.press(name);
  } else if (isToggle(name)) {
    if (!event.repeat) toggle(name);
  } else if (!event.repeat || REPEATING.has(name)) {
    RUN[name as CommandKey]();
  }
}

function toggle(name: "leftGrip" | "rightGrip" | "slow"): void {
  if (name === "slow") {
    held.slow.value = !held.slow.value;
    return;
  }
  use("keyboard");
  toggleGrip(name === "leftGrip" ? 0 : 1);
}

export function onKeyUp(event: KeyboardEvent): void {
  if (event.key === "Shift") held.turning.value = false;
  const bare = event.code;
  for (const name of held.heldKeys.value) if (keys.value[name] === bare) held.release(name);
}
