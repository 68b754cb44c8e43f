// What is held down right now, from keys, sticks and pointer together. Losing focus, tab or connection lets go of all.

import { signal } from "@preact/signals";

import { MOVES, type MoveKey } from "./keys";
import type { Axis, Targets, Wish } from "./motion";

const ROTATION: Record<"x" | "y" | "z", { axis: Axis; sign: number }> = {
  x: { axis: "rz", sign: -1 }, // with Shift, left and right turn
  y: { axis: "rx", sign: -1 },
  z: { axis: "ry", sign: 1 },
};

/** Movement keys that are down (or stuck, in sticky mode). */
export const heldKeys = signal<ReadonlySet<MoveKey>>(new Set());
export const turning = signal(false);
export const slow = signal(false);
export const sticky = signal(false);
/** Where hands are pulled to, by the pointer or by controllers in space. */
export const pulls = signal<Targets>([]);
/** What sticks ask for, per hand. */
export const sticks = signal<Wish>([]);

export function press(name: MoveKey): void {
  const now = new Set(heldKeys.value);
  if (sticky.value && now.has(name)) now.delete(name);
  else now.add(name);
  heldKeys.value = now;
}

export function release(name: MoveKey): void {
  if (sticky.value || !heldKeys.value.has(name)) return;
  const now = new Set(heldKeys.value);
  now.delete(name);
  heldKeys.value = now;
}

export function releaseAll(): void {
  if (heldKeys.value.size > 0) heldKeys.value = new Set();
  turning.value = false;
  pulls.value = [];
  sticks.value = [];
}

/** True while the operator asks for something. */
export function holding(): boolean {
  return heldKeys.value.size > 0 || pulls.value.some((hand) => Object.keys(hand).length > 0) || sticks.value.some((hand) => Object.values(hand).some(Boolean));
}

/** Speeds asked of each hand by keys and sticks together. With one hand, both halves of the keyboard move it. */
export function wish(arms: number): Wish {
  const hands: Wish = Array.from({ length: arms }, (_, arm) => ({ ...sticks.value[arm] }));
  for (const name of heldKeys.value) {
    const move = MOVES[name];
    const hand = hands[Math.min(move.arm, arms - 1)];
    const { axis, sign } = turning.value ? ROTATION[move.axis] : { axis: move.axis as Axis, sign: 1 };
    if (hand) hand[axis] = Math.max(-1, Math.min(1, (hand[axis] ?? 0) + sign * move.sign));
  }
  return hands;
}
