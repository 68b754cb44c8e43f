// Dragging on the picture pulls the nearest hand. A camera from above shows the whole range of the hands, upright.

import * as store from "../state/store";
import * as held from "./held";
import { hands, use } from "./steer";

interface Drag {
  pointer: number;
  arm: number;
  from: { x: number; y: number };
  hand: { x: number; y: number };
}

let drag: Drag | null = null;

export function onPointerDown(event: PointerEvent): void {
  if (!store.steering.value || hands.count === 0 || event.button !== 0) return;
  const at = placeOf(event);
  const commanded = store.state.value?.commanded ?? [];
  const places = Array.from({ length: hands.count }, (_, arm) => hands.pose(arm, commanded));
  const away = places.map((place) => Math.hypot(place.x - at.x, place.y - at.y));
  const arm = away.indexOf(Math.min(...away));
  drag = { pointer: event.pointerId, arm, from: at, hand: places[arm]! };
  (event.currentTarget as Element).setPointerCapture(event.pointerId);
  use("pointer");
  pullTo(drag.hand.x, drag.hand.y);
}

export function onPointerMove(event: PointerEvent): void {
  if (!drag || event.pointerId !== drag.pointer) return;
  const at = placeOf(event);
  pullTo(drag.hand.x + at.x - drag.from.x, drag.hand.y + at.y - drag.from.y);
}

function pullTo(x: number, y: number): void {
  held.pulls.value = Array.from({ length: hands.count }, (_, arm) => (arm === drag?.arm ? { x, y } : {}));
}

export function onPointerUp(event: PointerEvent): void {
  if (!drag || event.pointerId !== drag.pointer) return;
  drag = null;
  held.pulls.value = [];
}

/** Where on the table, in robot units, the pointer is. */
function placeOf(event: PointerEvent): { x: number; y: number } {
  const box = (event.currentTarget as Element).getBoundingClientRect();
  const [x, y] = [hands.span("x"), hands.span("y")];
  return {
    x: x.low + ((event.clientX - box.left) / box.width) * (x.high - x.low),
    y: y.high - ((event.clientY - box.top) / box.height) * (y.high - y.low),
  };
}
