// The way into a headset, where the browser has one: over https or on this machine only.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import * as store from "../state/store";

const there = signal(false);

async function enter(): Promise<void> {
  try {
    const { enterRoom } = await import("../xr/room");
    await enterRoom();
  } catch (error) {
    store.notify(`The headset could not be entered: ${(error as Error).message}`, "bad");
  }
}

export function Headset() {
  useEffect(() => {
    void navigator.xr?.isSessionSupported("immersive-vr").then((yes) => (there.value = yes));
  }, []);
  if (!there.value || !store.session.value) return null;
  return (
    <button type="button" class="act" onClick={() => void enter()}>
      Enter VR
    </button>
  );
}
