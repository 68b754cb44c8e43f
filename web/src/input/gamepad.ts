// Gamepads as LeRobot uses them: RB takes over and hands back, LB rewinds, Y success, A failure, X discards.
// Left stick and right stick move their hands, triggers close their grippers, the cross lifts, lowers and turns.

import * as store from "../state/store";
import { drive, label, next, rewindBy } from "./commands";
import * as held from "./held";
import type { Wish } from "./motion";
import { hands, push, use } from "./steer";

const DEAD_ZONE = 0.1;
const PRESSES: Record<number, () => void> = {
  0: () => label("failure"), // A
  2: () => next(true), // X
  3: () => label("success"), // Y
  4: () => rewindBy(1), // LB
  5: drive, // RB
};

let down = new Set<number>();
let grips = [1, 1];
let lastHand = 0;

/** Looks for a gamepad at every picture of the screen, while there is one. */
export function startGamepad(): void {
  addEventListener("gamepadconnected", (event) => {
    store.notify(`${event.gamepad.id.split("(")[0]?.trim() || "Gamepad"}: RB takes over`, "good");
    requestAnimationFrame(poll);
  });
  addEventListener("gamepaddisconnected", () => {
    held.sticks.value = [];
  });
}

function poll(): void {
  const pad = navigator.getGamepads().find((each) => each?.connected);
  if (!pad) return;
  if (document.hasFocus() && store.page.value === "stage") read(pad);
  requestAnimationFrame(poll);
}

function read(pad: Gamepad): void {
  const now = new Set(pad.buttons.flatMap((button, at) => (button.pressed ? [at] : [])));
  for (const at of now) if (!down.has(at)) PRESSES[at]?.();
  down = now;
  if (!store.steering.value) return;
  const wish = wishOf(pad);
  if (JSON.stringify(wish) !== JSON.stringify(held.sticks.value)) {
    use("gamepad");
    held.sticks.value = wish;
  }
  grip(pad);
}

function wishOf(pad: Gamepad): Wish {
  const axis = (at: number) => beyond(pad.axes[at] ?? 0);
  const two = hands.count > 1;
  const wish: Wish = [{ x: axis(0), y: -axis(1) }];
  if (two) wish.push({ x: axis(2), y: -axis(3) });
  else wish[0] = { ...wish[0], rz: -axis(2), z: -axis(3) };
  wish.forEach((hand, at) => (hand.x || hand.y) && (lastHand = at));
  const pressed = (at: number) => Number(down.has(at));
  const hand = wish[Math.min(lastHand, wish.length - 1)]!;
  hand.z = (hand.z ?? 0) + pressed(12) - pressed(13);
  hand.rz = (hand.rz ?? 0) + pressed(14) - pressed(15);
  return wish;
}

function grip(pad: Gamepad): void {
  [6, 7].slice(0, hands.count).forEach((button, hand) => {
    const open = 1 - Math.round((pad.buttons[button]?.value ?? 0) * 20) / 20;
    if (open === grips[hand]) return;
    grips[hand] = open;
    use("gamepad");
    hands.setGrip(hand, open);
    push();
  });
}

function beyond(value: number): number {
  const size = Math.abs(value);
  return size < DEAD_ZONE ? 0 : (Math.sign(value) * (size - DEAD_ZONE)) / (1 - DEAD_ZONE);
}
