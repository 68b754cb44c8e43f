// All keys on one sheet; a click on one and the next press changes it.

import { signal } from "@preact/signals";

import { keys, remap } from "../input/keyboard";
import { type ActionName, COMMANDS, conflict, isMove, MOVES, nameOfEvent, shown, textOf, TOGGLES } from "../input/keys";
import { send } from "../state/connection";
import { scaling, sheetOpen } from "../state/panels";
import * as store from "../state/store";
import { Dialog } from "./dialog";

const asking = signal<ActionName | null>(null);
const refused = signal("");

const GROUPS: { title: string; look: string; names: ActionName[] }[] = [
  { title: "Left hand", look: "hand0", names: [...moves(0), "leftGrip"] },
  { title: "Right hand", look: "hand1", names: [...moves(1), "rightGrip"] },
  { title: "Session", look: "", names: [...(Object.keys(COMMANDS) as ActionName[]), "slow"] },
];

function moves(arm: number): ActionName[] {
  return (Object.keys(MOVES) as (keyof typeof MOVES)[]).filter((name) => MOVES[name].arm === arm);
}

function onKey(event: KeyboardEvent): void {
  const name = asking.value;
  if (name === null || ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  asking.value = null;
  if (event.key === "Escape") return;
  const key = isMove(name) || name in TOGGLES ? event.code : nameOfEvent(event);
  const other = conflict(keys.value, name, key);
  refused.value = other ? `${shown(key)} is already “${textOf(other)}”.` : "";
  if (!other) void remap(name, key);
}

export function KeySheet() {
  return (
    <Dialog title="Keys" class="sheet" close={() => (sheetOpen.value = false)}>
      <p class="muted">
        Hold to move; with <kbd>⇧</kbd> the same keys turn. Drag on the picture to pull the nearest hand. A gamepad works too: RB takes
        over, LB rewinds. Click a key to change it.
      </p>
      <div class="groups" onKeyDown={onKey}>
        {GROUPS.map((group) => (
          <section key={group.title} class={group.look}>
            <h3>{group.title}</h3>
            <dl>
              {group.names.map((name) => (
                <div key={name}>
                  <dt>{textOf(name)}</dt>
                  <dd>
                    <button type="button" onClick={() => (asking.value = name)}>
                      <span class="unseen">Change {textOf(name)}, now</span>
                      <kbd>{asking.value === name ? "press a key" : shown(keys.value[name])}</kbd>
                    </button>
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <footer>
        <p role="status">{refused.value}</p>
        <Pairing />
        <label>
          <input
            type="checkbox"
            checked={scaling.value === "smooth"}
            onChange={(event) => (scaling.value = event.currentTarget.checked ? "smooth" : "sharp")}
          />
          Smooth pictures
        </label>
        <button type="button" class="act" onClick={() => void remap(null, "")}>
          Default keys
        </button>
      </footer>
    </Dialog>
  );
}

/** A leader arm or another device of LeRobot's steers for this seat, through a program beside it. */
function Pairing() {
  const [code, device] = [store.pairCode.value, store.device.value];
  if (device) return <span class="chip online">{device.name} steers for you</span>;
  if (code) return <code class="pair">hiwm bridge --code {code.code}</code>;
  return (
    <button type="button" class="act" onClick={() => send({ type: "pair" })}>
      Connect a leader arm
    </button>
  );
}
