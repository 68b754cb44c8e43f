// The tree of a session's nodes, as the page needs it: paths, branches, takeovers, and a layout for drawing.

import type { DriverName } from "../wire";

export interface NodeRow {
  id: number;
  parent: number | null;
  step: number;
  driver: DriverName | null;
  progress: number | null;
  trust: number | null;
  success: boolean | null;
}

export interface Segment {
  /** Nodes driven by one hand, without a fork between them; the last node of the segment before comes first. */
  ids: number[];
  lane: number;
  driver: DriverName | null;
}

export class Tree {
  private readonly rows = new Map<number, NodeRow>();
  private readonly below = new Map<number, number[]>();

  add(row: NodeRow): void {
    if (this.rows.has(row.id)) {
      this.rows.set(row.id, row);
      return;
    }
    this.rows.set(row.id, row);
    if (row.parent !== null) this.below.set(row.parent, [...(this.below.get(row.parent) ?? []), row.id]);
  }

  /** Rows that `other` does not have yet. */
  rowsAfter(other: Tree): NodeRow[] {
    return [...this.rows.values()].filter((row) => !other.get(row.id));
  }

  get size(): number {
    return this.rows.size;
  }

  get(id: number | null): NodeRow | undefined {
    return id === null ? undefined : this.rows.get(id);
  }

  children(id: number): number[] {
    return this.below.get(id) ?? [];
  }

  /** Ids from the first node to `id`. */
  path(id: number | null): number[] {
    const ids: number[] = [];
    for (let row = this.get(id); row; row = this.get(row.parent)) ids.push(row.id);
    return ids.reverse();
  }

  /** The path through `id`, and on along the newest children to the end of that branch. */
  through(id: number | null): number[] {
    const ids = this.path(id);
    for (let last = ids.at(-1); last !== undefined; ) {
      const next: number | undefined = this.children(last).at(-1);
      if (next === undefined) break;
      ids.push(next);
      last = next;
    }
    return ids;
  }

  /** End nodes, oldest first: one per branch. */
  ends(): number[] {
    return [...this.rows.keys()].filter((id) => this.children(id).length === 0);
  }

  /** Nodes of the path at which the controls went to a person (true) or came back (false). */
  handovers(path: number[]): { id: number; taken: boolean }[] {
    const found: { id: number; taken: boolean }[] = [];
    let person = false;
    for (const id of path) {
      const now = this.get(id)?.driver === "person";
      if (now !== person && this.get(id)?.driver) found.push({ id, taken: now });
      if (this.get(id)?.driver) person = now;
    }
    return found;
  }

  /** The last node before a person took over on the way to `id`, or null. */
  lastTakeover(id: number | null): number | null {
    const taken = this.handovers(this.path(id)).filter((each) => each.taken);
    return this.get(taken.at(-1)?.id ?? null)?.parent ?? null;
  }

  /** Segments for drawing: every branch has a lane, the oldest child keeps the lane of its parent. */
  segments(): { segments: Segment[]; lanes: number } {
    const segments: Segment[] = [];
    let lanes = 0;
    const roots = [...this.rows.values()].filter((row) => row.parent === null || !this.rows.has(row.parent));
    const waiting = roots.map((row) => ({ from: [] as number[], id: row.id, lane: lanes++ })).reverse();
    for (let work = waiting.pop(); work; work = waiting.pop()) {
      const forks = this.follow(work, segments);
      for (const fork of forks.slice(1).reverse()) waiting.push({ ...fork, lane: -1 });
      const first = forks[0];
      if (first) waiting.push({ ...first, lane: segments.at(-1)?.lane ?? 0 });
      if (waiting.at(-1)?.lane === -1) waiting[waiting.length - 1]!.lane = lanes++;
    }
    return { segments, lanes };
  }

  private follow(
    work: { from: number[]; id: number; lane: number },
    segments: Segment[],
  ): { from: number[]; id: number }[] {
    let segment: Segment = { ids: [...work.from, work.id], lane: work.lane, driver: this.get(work.id)?.driver ?? null };
    segments.push(segment);
    for (let id = work.id; ; ) {
      const next = this.children(id);
      if (next.length !== 1) return next.map((child) => ({ from: [id], id: child }));
      const driver = this.get(next[0]!)?.driver ?? null;
      if (driver !== segment.driver) {
        segment = { ids: [id], lane: segment.lane, driver };
        segments.push(segment);
      }
      id = next[0]!;
      segment.ids.push(id);
    }
  }
}
