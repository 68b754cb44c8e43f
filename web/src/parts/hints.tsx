// What a newcomer does next, one line at a time, until the first correction is made.

import { computed } from "@preact/signals";

import { keys } from "../input/keyboard";
import { type ActionName, shown } from "../input/keys";
import { hinted } from "../state/panels";
import * as store from "../state/store";

interface Hint {
  at: number;
  text: string;
  key: ActionName | null;
}

const HINTS: Hint[] = [
  { at: 1, text: "The policy is about to fail here. Take the controls from it", key: "drive" },
  { at: 2, text: "You drive. Hold the lit keys beside the picture to move a hand; the world moves only while you do.", key: null },
  { at: 3, text: "Good. Bring the task to its end, then label it a success", key: "success" },
  { at: 4, text: "Saved. Take the next failure", key: "next" },
];
const ENOUGH = 3; // own steps after which moving is understood

const which = computed<Hint | null>(() => {
  if (hinted.value === "yes" || store.phase.value === null || store.me.value?.role === "viewer") return null;
  store.treeVersion.value;
  const path = store.tree.path(store.state.peek()?.head ?? null);
  const own = path.filter((id) => store.tree.get(id)?.driver === "person").length;
  if (store.hand.value === "you") return HINTS[own < ENOUGH ? 1 : 2]!;
  return HINTS[own === 0 ? 0 : 3]!;
});

export function Hints() {
  const now = which.value;
  if (!now) return null;
  return (
    <p class="hint" role="status">
      <b>{now.at} of 4</b>
      <span>
        {now.text} {now.key && <kbd>{shown(keys.value[now.key])}</kbd>}
      </span>
      <button type="button" onClick={() => (hinted.value = "yes")}>
        {now.at === 4 ? "Done" : "Skip the tour"}
      </button>
    </p>
  );
}
