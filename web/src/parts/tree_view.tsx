// The tree of branches: a drawing to click in, and the same as a list of buttons for keyboard and screen reader.

import { look } from "../input/commands";
import * as store from "../state/store";
import type { LabelName } from "../wire";
import { Act } from "./controls";

const LANE = 18;
const MARGIN = 12;
const WIDTH = 288;
const GLYPHS: Record<LabelName, string> = { success: "✓", failure: "✕", unsure: "?" };

export function TreeView() {
  store.treeVersion.value;
  const { segments, lanes } = store.tree.segments();
  const ends = store.tree.ends();
  const steps = Math.max(20, ...ends.map((id) => store.tree.get(id)?.step ?? 0));
  const x = (id: number) => MARGIN + ((store.tree.get(id)?.step ?? 0) / steps) * (WIDTH - 2 * MARGIN);
  const y = (lane: number) => MARGIN + lane * LANE;
  const laneOf = new Map(segments.flatMap((segment) => segment.ids.slice(segment.ids.length > 1 ? 1 : 0).map((id) => [id, segment.lane] as const)));
  const height = 2 * MARGIN + Math.max(0, lanes - 1) * LANE;
  const here = store.shownNode.value;
  const clicked = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const scale = WIDTH / box.width;
    const [px, py] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    const away = (id: number) => Math.hypot(x(id) - px, 1.5 * (y(laneOf.get(id) ?? 0) - py));
    const nearest = [...laneOf.keys()].reduce<number | null>((best, id) => (best === null || away(id) < away(best) ? id : best), null);
    if (nearest !== null && store.hand.value !== "you") look(nearest);
  };
  return (
    <section class="card tree" aria-label="Branches">
      <header>
        <h2>
          Branches <b>{ends.length}</b>
        </h2>
        <Act name="alternatives" icon="clips" text="Compare" needs={null} />
      </header>
      <div class="drawing">
        <svg viewBox={`0 0 ${WIDTH} ${height}`} onClick={clicked} aria-hidden="true">
          {segments.map((segment, at) => {
            const [first, ...rest] = segment.ids;
            const from = laneOf.get(first!) ?? segment.lane;
            const to = y(segment.lane);
            const start = x(first!);
            const bend = from === segment.lane ? "" : `C${start + 9} ${y(from)} ${start + 3} ${to} ${start + 14} ${to}`;
            return <path key={at} class={`branch ${segment.driver ?? "start"}`} d={`M${start} ${y(from)}${bend}L${rest.length ? Math.max(x(rest.at(-1)!), bend ? start + 14 : 0) : start} ${to}`} />;
          })}
          {[...store.marks.value.values()].map((mark) => (
            <g key={mark.node} class={`mark ${mark.label}`} transform={`translate(${x(mark.node)} ${y(laneOf.get(mark.node) ?? 0)})`}>
              <circle r="6.5" />
              <text y="3.2">{GLYPHS[mark.label]}</text>
            </g>
          ))}
          {here !== null && laneOf.has(here) && <circle class="here" cx={x(here)} cy={y(laneOf.get(here)!)} r="5" />}
        </svg>
      </div>
      <ol class="ends">
        {ends.map((id, at) => (
          <End key={id} id={id} number={at + 1} />
        ))}
      </ol>
    </section>
  );
}

function End({ id, number }: { id: number; number: number }) {
  const row = store.tree.get(id);
  const path = store.tree.path(id);
  const label = path.map((each) => store.marks.value.get(each)?.label).findLast(Boolean);
  const taken = store.tree.handovers(path).filter((each) => each.taken).length;
  const on = store.shownPath.value.at(-1) === id;
  return (
    <li>
      <button type="button" class={on ? "on" : ""} aria-current={on} disabled={store.hand.value === "you"} onClick={() => look(id)}>
        <span class={`glyph ${label ?? (row?.success ? "success" : "none")}`} aria-hidden="true">
          {label ? GLYPHS[label] : row?.success ? "✓" : "·"}
        </span>
        <span>
          <span class="unseen">{label ?? "no label"}, branch </span>
          {number}, to step {row?.step}
        </span>
        <small>{taken > 0 ? `${taken} takeover${taken > 1 ? "s" : ""}` : row?.driver === "person" ? "person" : "policy alone"}</small>
      </button>
    </li>
  );
}
