// What the page knows, as signals; `receive` and `loadTree` are the only writers of what the server says.

import { batch, computed, signal } from "@preact/signals";

import type { Device, Down, Item, LabelName, Me, PairCode, SessionInfo, State, Step, Timing, TreeReply } from "../wire";
import { Tree } from "./tree";

export type Link = "connecting" | "open" | "lost";
export type Page = "stage" | "overview";

export interface Mark {
  node: number;
  label: LabelName;
  operator: string;
}

export interface Notice {
  id: number;
  tone: "good" | "bad" | "plain";
  text: string;
}

export const me = signal<Me | null>(null);
export const link = signal<Link>("connecting");
export const page = signal<Page>("stage");
export const session = signal<SessionInfo | null>(null);
export const state = signal<State | null>(null);
export const timing = signal<Timing | null>(null);
export const item = signal<Item | null>(null);
export const pairCode = signal<PairCode | null>(null);
export const device = signal<Device | null>(null);
export const saved = signal(0);
export const pending = signal(0);
export const roundTripMs = signal<number | null>(null);
export const drawMs = signal<number | null>(null);
export const drawn = signal<{ node: number; step: number } | null>(null);
export const marks = signal<Map<number, Mark>>(new Map());
export const notices = signal<Notice[]>([]);
export const ghost = signal<{ node: number; count: number } | null>(null);
export const inboxStale = signal(0);

/** The tree of the session that is looked at. `treeVersion` changes when it does, but not more than five times a second
 * for steps: whoever draws the tree listens to that, and not to the head. */
export let tree = new Tree();
export const treeVersion = signal(0);
const DRAW_AGAIN_MS = 200;
let drawAgain: ReturnType<typeof setTimeout> | undefined;

function treeChanged(): void {
  clearTimeout(drawAgain);
  drawAgain = undefined;
  treeVersion.value++;
}

function treeGrew(): void {
  drawAgain ??= setTimeout(treeChanged, DRAW_AGAIN_MS);
}

/** The node that is looked at instead of the head; null follows the head. */
export const looking = signal<number | null>(null);
/** The node that is shown, as it is now. */
export function shownNow(): number | null {
  return looking.peek() ?? state.peek()?.head ?? null;
}
/** The same for whoever draws the tree. */
export const shownNode = computed(() => {
  treeVersion.value;
  return looking.value ?? state.peek()?.head ?? null;
});
/** Ids from the first node through what is shown to the end of that branch. */
export const shownPath = computed(() => {
  treeVersion.value;
  return tree.through(shownNode.value);
});

export const headNode = computed(() => state.value?.head ?? null);
export const phase = computed(() => state.value?.phase ?? null);
const yours = computed(() => state.value?.yours ?? false);
const allowed = computed(() => state.value?.allowed.join(" ") ?? "");

export type Hand = "policy" | "you" | "other" | "nobody" | "done";
export const hand = computed<Hand>(() => {
  if (phase.value === null || phase.value === "holding") return "nobody";
  if (phase.value === "watching") return "policy";
  if (phase.value === "done") return "done";
  return yours.value ? "you" : "other";
});
/** Controls were asked for and the answer is on its way: keys pressed meanwhile count. */
export const expecting = signal(false);
export const steering = computed(() => hand.value === "you" && link.value === "open");

export function allows(name: State["allowed"][number]): boolean {
  return link.value === "open" && allowed.value.split(" ").includes(name);
}

let noticeCount = 0;
export function notify(text: string, tone: Notice["tone"] = "plain", forMs = 6000): void {
  const id = ++noticeCount;
  notices.value = [...notices.value.filter((each) => each.text !== text), { id, tone, text }].slice(-3);
  setTimeout(() => dismiss(id), forMs);
}
export function dismiss(id: number): void {
  notices.value = notices.value.filter((each) => each.id !== id);
}

/** Puts a whole tree in place, as the server has it. */
export function loadTree(reply: TreeReply): void {
  if (reply.session !== session.value?.id) return;
  const whole = new Tree();
  for (const { node, ...row } of reply.nodes) whole.add({ id: node, ...row });
  for (const row of tree.rowsAfter(whole)) whole.add(row);
  tree = whole;
  const labelled = new Map<number, Mark>();
  for (const [node, label] of Object.entries(reply.labels)) {
    const event = reply.events.findLast((each) => each.name === "mark" && each.node === Number(node));
    labelled.set(Number(node), { node: Number(node), label, operator: event?.operator ?? "" });
  }
  marks.value = labelled;
  treeChanged();
}

/** Takes a message of the server into the state. */
export function receive(message: Down): void {
  batch(() => take(message));
}

function take(message: Down): void {
  switch (message.type) {
    case "session":
      return begin(message);
    case "state":
      if (message.session !== session.value?.id) return;
      if (state.value && state.value.head !== message.head && looking.value === message.head) looking.value = null;
      state.value = message;
      treeChanged();
      if (message.phase === "steering") expecting.value = false;
      saved.value = message.saved;
      return;
    case "step":
      if (message.session !== session.value?.id) return;
      tree.add({ ...message, id: message.node });
      treeGrew();
      if (state.value) state.value = { ...state.value, ...headOf(message) };
      return;
    case "event":
      if (message.session === session.value?.id && message.name === "mark" && message.label) {
        marks.value = new Map(marks.value).set(message.node, { ...message, label: message.label });
      }
      return;
    case "durable":
      if (message.session === session.value?.id) saved.value = message.saved;
      return;
    case "lease":
      if (state.value?.session === message.session) state.value = { ...state.value, ...message, type: "state" };
      return;
    case "timing":
      timing.value = message;
      return;
    case "item":
      item.value = message;
      inboxStale.value++;
      return;
    case "pair_code":
      pairCode.value = message;
      return;
    case "device":
      device.value = message.connected ? message : null;
      if (message.connected) pairCode.value = null;
      notify(message.connected ? `${message.name} steers for you` : `${message.name} has left`);
      return;
    case "ghost_ready":
      if (message.session === session.value?.id) ghost.value = { node: message.node, count: message.count };
      return;
    case "error":
      expecting.value = false;
      notify(message.text, "bad");
      return;
  }
}

/** A new node is the head. */
function headOf(message: Step): Partial<State> {
  const { node, step, branch, driver, commanded } = message;
  return { head: node, step, branch, driver, commanded };
}

function begin(info: SessionInfo): void {
  const again = session.value?.id === info.id;
  session.value = info;
  if (again) return;
  tree = new Tree();
  state.value = null;
  looking.value = null;
  drawn.value = null;
  ghost.value = null;
  timing.value = null;
  marks.value = new Map();
  if (item.value?.session !== info.id) item.value = null;
  treeChanged();
}
