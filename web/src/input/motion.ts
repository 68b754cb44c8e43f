// From what is held to what is sent: directions blend into velocities, grippers and pulls are targets.
// The server ramps, limits and adds them to the last commanded pose, so that every device moves alike.

import type { NumberInfo } from "../wire";

export type Axis = "x" | "y" | "z" | "rx" | "ry" | "rz" | "gripper";
const AXES: Axis[] = ["x", "y", "z", "rx", "ry", "rz", "gripper"];
const SLOW = 0.35;
const ARRIVED = 0.02; // of a range: as good as there

/** Speeds asked of each hand, -1 .. 1 per axis. */
export type Wish = Partial<Record<Axis, number>>[];

/** Where each hand shall go, in robot units; axes that are left out go nowhere. */
export type Targets = Partial<Record<Axis, number>>[];

/** Which numbers of an action belong to which hand, and what grippers are on their way to. */
export class Hands {
  private readonly at: Map<Axis, number>[];
  private readonly grips = new Map<number, number>();

  constructor(private readonly numbers: NumberInfo[]) {
    this.at = handsOf(numbers);
  }

  get count(): number {
    return this.at.length;
  }

  /** Forgets where grippers were going: at every takeover and rewind. */
  rest(): void {
    this.grips.clear();
  }

  /** Opens a closed gripper and closes an open one. */
  toggleGrip(hand: number, commanded: number[]): void {
    const at = this.at[hand]?.get("gripper");
    if (at === undefined) return;
    const { low, high } = this.numbers[at]!;
    const now = this.grips.get(at) ?? commanded[at] ?? low;
    this.grips.set(at, now > (low + high) / 2 ? low : high);
  }

  /** A gripper's place, 0 closed .. 1 open. */
  setGrip(hand: number, open: number): void {
    const at = this.at[hand]?.get("gripper");
    if (at === undefined) return;
    const { low, high } = this.numbers[at]!;
    this.grips.set(at, low + open * (high - low));
  }

  /** True while a gripper is on its way. */
  gripping(commanded: number[]): boolean {
    for (const [at, goal] of this.grips) {
      const { low, high } = this.numbers[at]!;
      if (Math.abs((commanded[at] ?? goal) - goal) < ARRIVED * (high - low)) this.grips.delete(at);
    }
    return this.grips.size > 0;
  }

  /** Velocities in robot units a second. */
  velocity(wish: Wish, slow: boolean): number[] {
    const velocity = this.numbers.map(() => 0);
    this.at.forEach((axes, hand) => {
      const asked = wish[hand] ?? {};
      const planar = Math.max(1, Math.hypot(asked.x ?? 0, asked.y ?? 0));
      for (const [axis, at] of axes) {
        const share = (asked[axis] ?? 0) / (axis === "x" || axis === "y" ? planar : 1);
        velocity[at] = this.numbers[at]!.speed * share * (slow ? SLOW : 1);
      }
    });
    return velocity;
  }

  /** Targets of grippers and of what is pulled; null where there are none. */
  target(targets: Targets): (number | null)[] | null {
    const target: (number | null)[] = this.numbers.map((_, at) => this.grips.get(at) ?? null);
    targets.forEach((pose, hand) => {
      for (const [axis, at] of this.at[hand] ?? []) target[at] = pose[axis] ?? target[at] ?? null;
    });
    return target.some((value) => value !== null) ? target : null;
  }

  /** Where a hand is told to be, robot units. */
  pose(hand: number, commanded: number[]): Record<Axis, number> {
    const at = this.at[hand];
    return Object.fromEntries(AXES.map((axis) => [axis, commanded[at?.get(axis) ?? -1] ?? 0])) as Record<Axis, number>;
  }

  /** The range of all hands together along an axis, robot units. */
  span(axis: "x" | "y"): { low: number; high: number } {
    const numbers = this.at.flatMap((hand) => this.numbers[hand.get(axis) ?? -1] ?? []);
    return { low: Math.min(...numbers.map((n) => n.low)), high: Math.max(...numbers.map((n) => n.high)) };
  }
}

/** Per hand, where its axes stand in the action: by name where names tell, else by order. */
function handsOf(numbers: NumberInfo[]): Map<Axis, number>[] {
  const hands = new Map<string, Map<Axis, number>>();
  numbers.forEach((number, at) => {
    const parts = /^(?:(left|right)_)?(x|y|z|rx|ry|rz|gripper)$/.exec(number.name);
    if (!parts) return;
    const hand = parts[1] ?? "only";
    if (!hands.has(hand)) hands.set(hand, new Map());
    hands.get(hand)!.set(parts[2] as Axis, at);
  });
  const named = ["only", "left", "right"].flatMap((name) => hands.get(name) ?? []);
  if (named.length > 0) return named;
  return [new Map(numbers.slice(0, AXES.length).map((_, at) => [AXES[at]!, at]))];
}
