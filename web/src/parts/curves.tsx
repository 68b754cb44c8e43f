// Progress and trust along the branch that is shown, live.

import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { look } from "../input/commands";
import { theme } from "../state/panels";
import * as store from "../state/store";
import { runsOf } from "./timeline";

const HEIGHT = 132;

export function Curves() {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let plot: uPlot | null = null;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => {
      plot?.destroy();
      plot = box.current ? new uPlot(options(box.current), dataNow(), box.current) : null;
    };
    dark.addEventListener("change", redraw);
    const stopTheme = effect(() => {
      theme.value;
      redraw();
    });
    const stopData = effect(() => {
      const data = dataNow();
      plot?.setData(data);
    });
    const size = new ResizeObserver(() => box.current && plot?.setSize({ width: box.current.clientWidth, height: HEIGHT }));
    if (box.current) size.observe(box.current);
    return () => {
      stopTheme();
      stopData();
      size.disconnect();
      dark.removeEventListener("change", redraw);
      plot?.destroy();
    };
  }, []);
  const row = store.tree.get(store.shownNode.value);
  store.treeVersion.value;
  return (
    <section class="card curves" aria-label="Progress and trust">
      <div class="readings">
        <Reading name="progress" value={row?.progress ?? null} />
        <Reading name="trust" value={row?.trust ?? null} />
      </div>
      <div class="plot" ref={box} aria-hidden="true" />
    </section>
  );
}

function Reading({ name, value }: { name: "progress" | "trust"; value: number | null }) {
  const low = name === "trust" && value !== null && value < 0.5;
  return (
    <p class={`reading ${name}`}>
      <i aria-hidden="true" />
      {name}
      <b>{value === null ? "–" : `${Math.round(100 * value)} %`}</b>
      {low && <span class="chip warn">do not rely on the picture</span>}
    </p>
  );
}

function dataNow(): uPlot.AlignedData {
  const path = store.shownPath.value;
  const rows = path.map((id) => store.tree.get(id));
  return [
    rows.map((row) => row?.step ?? 0),
    rows.map((row) => row?.progress ?? null),
    rows.map((row) => row?.trust ?? null),
  ];
}

function options(box: HTMLElement): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "11px 'IBM Plex Mono'" };
  return {
    width: box.clientWidth || 280,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, bind: { click: (plot) => () => (clicked(plot), null) } },
    scales: { x: { time: false }, y: { range: [0, 1.02] } },
    axes: [
      { ...axis, size: 24 },
      { ...axis, size: 34, splits: () => [0, 0.5, 1], values: (_, splits) => splits.map((v) => `${100 * v}`) },
    ],
    series: [
      {},
      { stroke: colour("--progress"), width: 2, points: { show: false } },
      { stroke: colour("--trust"), width: 1.5, dash: [5, 4], points: { show: false } },
    ],
    hooks: { drawClear: [(plot) => shade(plot, colour("--person-wash"), colour("--text"))] },
  };
}

function clicked(plot: uPlot): void {
  const id = store.shownPath.value[plot.cursor.idx ?? -1];
  if (id !== undefined && store.hand.value !== "you") look(id);
}

/** Shades what a person drove, and draws where we are. */
function shade(plot: uPlot, wash: string, line: string): void {
  const path = store.shownPath.value;
  const step = (at: number) => plot.valToPos(store.tree.get(path[at] ?? null)?.step ?? 0, "x", true);
  plot.ctx.save();
  plot.ctx.fillStyle = wash;
  for (const run of runsOf(path)) {
    if (run.driver === "person") plot.ctx.fillRect(step(run.from), plot.bbox.top, step(run.to) - step(run.from), plot.bbox.height);
  }
  const at = path.indexOf(store.shownNode.value ?? -1);
  plot.ctx.fillStyle = line;
  if (at >= 0) plot.ctx.fillRect(step(at), plot.bbox.top, 1, plot.bbox.height);
  plot.ctx.restore();
}
