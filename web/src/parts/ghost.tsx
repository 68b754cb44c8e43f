// What the policy would do from here, shown while nobody drives and nothing else is asked of the model.

import { useEffect } from "preact/hooks";

import { ghostUrl } from "../state/api";
import { send } from "../state/connection";
import * as store from "../state/store";
import { Clip } from "./clip";

const IDLE_MS = 1200;

/** Asks for the strip once the session has stood still for a while. */
export function useGhost(): void {
  const idle = store.hand.value === "nobody" && store.link.value === "open";
  const head = store.headNode.value;
  useEffect(() => {
    const session = store.session.peek();
    if (!idle || head === null || !session || store.ghost.peek()?.node === head) return;
    const timer = setTimeout(() => send({ type: "ghost", session: session.id, node: head }), IDLE_MS);
    return () => clearTimeout(timer);
  }, [idle, head]);
}

export function GhostClip() {
  const [ghost, session] = [store.ghost.value, store.session.value];
  if (!ghost || !session || ghost.node !== store.headNode.value || store.hand.value !== "nobody") return null;
  const frames = Array.from({ length: ghost.count }, (_, number) => ghostUrl(session.id, ghost.node, number));
  return (
    <figure class="ghost">
      <Clip frames={frames} name="What the policy would do from here" />
      <figcaption>policy, from here</figcaption>
    </figure>
  );
}
