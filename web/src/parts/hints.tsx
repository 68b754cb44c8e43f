// What a newcomer does next, one line at a time, until the first correction is made.

import { computed } from "@preact/signals";

import { keys } from "../input/keyboard";
import { shown } from "../input/keys";
import { hinted } from "../state/panels";
import * as store from "../state/store";

interface Hint {
  at: number;
  text: string;
  key: string;
}

const hint = computed<Hint | null>(() => {
  if (hinted.value === "yes" || !store.state.value || store.me.value?.role === "viewer") return null;
  const path = store.tree.path(store.state.value.head);
  store.treeVersion.value;
  const mine = path.filter((id) => store.tree.get(id)?.driver === "person").length;
  if (store.hand.value === "you") {
    return mine < 3
      ? { at: 2, text: "You drive. Hold the lit keys beside the picture to move a hand; the world moves only while you do.", key: "" }
      : { at: 3, text: "Good. Bring the task to its end, then label it a success", key: keys.value.success };
  }
  if (mine > 0) return { at: 4, text: "Saved. Take the next failure", key: keys.value.next };
  return { at: 1, text: "The policy is about to fail here. Take the controls from it", key: keys.value.drive };
});

export function Hints() {
  const now = hint.value;
  if (!now) return null;
  return (
    <p class="hint" role="status">
      <b>{now.at} of 4</b>
      <span>
        {now.text} {now.key && <kbd>{shown(now.key)}</kbd>}
      </span>
      <button type="button" onClick={() => (hinted.value = "yes")}>
        {now.at === 4 ? "Done" : "Skip the tour"}
      </button>
    </p>
  );
}
