// The steps of the branch that is shown: who drove, where hands changed, labels; a slider to look at any of them.

import { look } from "../input/commands";
import * as store from "../state/store";
import type { DriverName } from "../wire";

interface Run {
  driver: DriverName | "start";
  from: number;
  to: number;
}

/** Stretches of one driver along a path, as places on it. */
export function runsOf(path: number[]): Run[] {
  const runs: Run[] = [];
  path.forEach((id, at) => {
    const driver = store.tree.get(id)?.driver ?? "start";
    const last = runs.at(-1);
    if (last && (last.driver === driver || last.driver === "start")) {
      last.to = at;
      last.driver = driver;
    } else runs.push({ driver, from: Math.max(0, at - 1), to: at });
  });
  return runs;
}

const DRIVERS = { policy: "policy", person: "person", script: "script", start: "start" } as const;
const GLYPHS = { success: "✓", failure: "✕", unsure: "?" } as const;

export function Timeline() {
  const path = store.shownPath.value;
  const last = Math.max(1, path.length - 1);
  const at = Math.max(0, path.indexOf(store.shownNode.value ?? -1));
  const head = path.indexOf(store.state.peek()?.head ?? -1);
  const share = (place: number) => `${(100 * place) / last}%`;
  const step = store.tree.get(path[at] ?? null)?.step ?? 0;
  const seconds = step / (store.session.value?.fps ?? 10);
  const free = store.hand.value !== "you";
  return (
    <div class="timeline">
      <div class="track">
        {runsOf(path).map((run) => (
          <span
            key={run.from}
            class={`run ${run.driver}`}
            style={{ left: share(run.from), width: share(run.to - run.from) }}
            title={`${DRIVERS[run.driver]}, steps ${run.from} to ${run.to}`}
          />
        ))}
        {store.tree.handovers(path).map(({ id, taken }) => (
          <span
            key={id}
            class={`handover ${taken ? "taken" : "back"}`}
            style={{ left: share(Math.max(0, path.indexOf(id) - 1)) }}
            title={taken ? "taken over" : "handed back"}
          />
        ))}
        {path.flatMap((id, place) => {
          const mark = store.marks.value.get(id);
          return mark ? (
            <span key={`m${id}`} class={`mark ${mark.label}`} style={{ left: share(place) }} title={`${mark.label}, ${mark.operator}`}>
              {GLYPHS[mark.label]}
            </span>
          ) : (
            []
          );
        })}
        {head >= 0 && <span class="head" style={{ left: share(head) }} />}
      </div>
      <input
        type="range"
        min={0}
        max={last}
        value={at}
        disabled={!free || path.length < 2}
        aria-label="Look at a step"
        aria-valuetext={`step ${step}`}
        onInput={(event) => {
          const id = path[Number(event.currentTarget.value)];
          if (id !== undefined) look(id);
        }}
      />
      <div class="times">
        <span>{seconds.toFixed(1)} s</span>
        <span class="key">
          <i class="run policy" /> policy <i class="run person" /> person
        </span>
        <span>{(last / (store.session.value?.fps ?? 10)).toFixed(1)} s</span>
      </div>
    </div>
  );
}
