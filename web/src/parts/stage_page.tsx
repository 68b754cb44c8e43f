// The operator's place: inbox on the left, pictures and controls in the middle, curves and tree on the right.

import { useEffect, useRef } from "preact/hooks";

import { onKeyDown, onKeyUp } from "../input/keyboard";
import { alternativesOpen, newSceneOpen, sheetOpen } from "../state/panels";
import * as store from "../state/store";
import { Alternatives } from "./alternatives";
import { Controls, Labels } from "./controls";
import { Curves } from "./curves";
import { GhostClip, useGhost } from "./ghost";
import { InboxList } from "./inbox_list";
import { KeySheet } from "./key_sheet";
import { NewScene } from "./new_scene";
import { Pad } from "./pad";
import { Pictures } from "./pictures";
import { Timeline } from "./timeline";
import { TreeView } from "./tree_view";

export function StagePage() {
  const root = useRef<HTMLElement>(null);
  useGhost();
  useEffect(() => {
    root.current?.focus({ preventScroll: true });
    const inStage = (event: KeyboardEvent) => {
      const at = document.activeElement;
      if (sheetOpen.value || newSceneOpen.value || (at !== document.body && !root.current?.contains(at))) return false;
      if (at instanceof HTMLInputElement && at.type !== "range") return false;
      return !(at instanceof HTMLButtonElement && (event.code === "Space" || event.code === "Enter"));
    };
    const down = (event: KeyboardEvent) => inStage(event) && onKeyDown(event);
    document.addEventListener("keydown", down);
    document.addEventListener("keyup", onKeyUp);
    return () => {
      document.removeEventListener("keydown", down);
      document.removeEventListener("keyup", onKeyUp);
    };
  }, []);
  // A clicked button gives the keyboard back to the stage; one reached with Tab keeps it.
  const giveBack = (event: MouseEvent) => {
    const button = (event.target as Element).closest("button, summary");
    if (button && event.detail > 0) root.current?.focus({ preventScroll: true });
  };
  return (
    <main class={`stage hand-${store.hand.value}`} tabIndex={-1} ref={root} onClick={giveBack} aria-label="Stage">
      <InboxList />
      <section class="middle" aria-label="Picture and controls">
        <div class="scene">
          <Pad hand={0} />
          <Pictures />
          <div class="beside">
            {!alternativesOpen.value && <GhostClip />}
            <Pad hand={1} />
          </div>
        </div>
        <Timeline />
        <Controls />
      </section>
      <aside class="side" aria-label="Progress and branches">
        <Labels />
        <Curves />
        <TreeView />
      </aside>
      {alternativesOpen.value && <Alternatives />}
      {sheetOpen.value && <KeySheet />}
      {newSceneOpen.value && <NewScene />}
    </main>
  );
}
