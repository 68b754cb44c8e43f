// From a controller in the room to a pose on the table. A clutch: on its rising edge hand and controller are tied
// together where they are, so nothing jumps; after every takeover and rewind it has to be pressed anew.

import { Quaternion, Vector3 } from "three";

import type { Axis } from "../input/motion";

type Pose = Record<Axis, number>;

/** Room axes are x right, y up, z towards the person; the table's are x right, y away, z up. */
function toTable(v: Vector3): Vector3 {
  return new Vector3(v.x, -v.z, v.y);
}

function quaternionOf(rotation: Vector3): Quaternion {
  const angle = rotation.length();
  return angle < 1e-9 ? new Quaternion() : new Quaternion().setFromAxisAngle(rotation.clone().divideScalar(angle), angle);
}

function rotationOf(q: Quaternion): Vector3 {
  const turned = q.w < 0 ? new Quaternion(-q.x, -q.y, -q.z, -q.w) : q;
  const axis = new Vector3(turned.x, turned.y, turned.z);
  const sine = axis.length();
  return sine < 1e-9 ? axis.multiplyScalar(2) : axis.multiplyScalar((2 * Math.atan2(sine, turned.w)) / sine);
}

export class Clutch {
  private tied: { place: Vector3; turn: Quaternion; hand: Pose } | null = null;
  private wasDown = false;

  /** Lets go until the next rising edge. */
  drop(): void {
    this.tied = null;
  }

  /** The pose to go to, without the gripper, or null while the clutch is open. hand: where it is told to be now. */
  follow(down: boolean, place: Vector3, turn: Quaternion, hand: Pose): Partial<Pose> | null {
    if (down && !this.wasDown) this.tied = { place: place.clone(), turn: turn.clone(), hand };
    if (!down) this.tied = null;
    this.wasDown = down;
    if (!this.tied) return null;
    const moved = toTable(place.clone().sub(this.tied.place));
    const turned = toTable(rotationOf(turn.clone().multiply(this.tied.turn.clone().invert())));
    const before = this.tied.hand;
    const after = rotationOf(quaternionOf(turned).multiply(quaternionOf(new Vector3(before.rx, before.ry, before.rz))));
    return {
      x: before.x + moved.x, y: before.y + moved.y, z: before.z + moved.z, rx: after.x, ry: after.y, rz: after.z,
    };
  }
}
