// Sends what is held, one input for each step: at the robot's rate, and with at most two on their way, so that the world
// never runs ahead of what the operator has seen. On letting go a few inputs without speed let the motion run out.

import { effect } from "@preact/signals";

import { onSettled, sendKept, waitingInputs } from "../state/connection";
import * as store from "../state/store";
import * as held from "./held";
import { Hands } from "./motion";

const MOST_WAITING = 2;
const RUN_OUT_S = 0.2; // the server's ramp from full speed to rest

export let hands = new Hands([]);
let device = "keyboard";
let nextAt = 0;
let runOut = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Which device is moving; recorded with every step. */
export function use(name: "keyboard" | "pointer" | "gamepad" | "xr"): void {
  device = name;
}

export function toggleGrip(hand: number): void {
  if (!store.steering.value || hands.count === 0) return;
  hands.toggleGrip(Math.min(hand, hands.count - 1), commanded());
  push();
}

/** One step in which nothing moves: waiting is an action too. */
export function waitOneStep(): void {
  runOut = Math.max(runOut, 1);
  push();
}

export function startSteering(): void {
  effect(() => {
    hands = new Hands(store.session.value?.action ?? []);
  });
  effect(() => {
    if (store.steering.value || store.expecting.value) return;
    held.releaseAll();
    hands.rest();
    runOut = 0;
  });
  effect(() => {
    store.steering.value;
    held.heldKeys.value;
    held.turning.value;
    held.slow.value;
    held.pulls.value;
    held.sticks.value;
    push();
  });
  onSettled(push);
  addEventListener("blur", held.releaseAll);
  document.addEventListener("visibilitychange", () => document.hidden && held.releaseAll());
}

function commanded(): number[] {
  return store.state.peek()?.commanded ?? [];
}

/** Sends the next input as soon as it may go. Called whenever something changes; does nothing when nothing is asked. */
export function push(): void {
  clearTimeout(timer);
  if (!store.steering.peek() || waitingInputs() >= MOST_WAITING) return;
  const moving = held.holding() || hands.gripping(commanded());
  if (!moving && runOut === 0) return;
  const wait = nextAt - performance.now();
  if (wait > 1) {
    timer = setTimeout(push, wait);
    return;
  }
  sendInput(moving);
  timer = setTimeout(push, nextAt - performance.now());
}

function sendInput(moving: boolean): void {
  const fps = store.session.peek()?.fps ?? 10;
  const now = performance.now();
  const period = 1000 / fps;
  nextAt = (now - nextAt < period ? nextAt : now) + period;
  runOut = moving ? Math.ceil(RUN_OUT_S * fps) : runOut - 1;
  sendKept({
    type: "input",
    step_seen: store.drawn.peek()?.node ?? store.state.peek()?.head ?? 0,
    device,
    held: moving,
    velocity: hands.velocity(held.wish(hands.count), held.slow.peek()),
    target: hands.target(held.pulls.peek()),
  });
}
