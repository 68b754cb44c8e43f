// The socket of this seat: ticket, hello, heartbeats, reconnection, outbox, frames. State goes to the store.

import { decode, encode } from "@msgpack/msgpack";

import type { Command, Down, Input, Up } from "../wire";
import { PROTOCOL, SUBPROTOCOL } from "../wire";
import * as api from "./api";
import { onFrame } from "./frames";
import { Outbox } from "./outbox";
import { keepSeat, takeSeat } from "./seat";
import * as store from "./store";

const HEARTBEAT_MS = 500;
const SILENCE_MS = 2500;
const FIRST_RETRY_MS = 150;
const LONGEST_RETRY_MS = 3000;
const RETRY_WORK_MS = 1000;

const seat = takeSeat();
const outbox = new Outbox(seat.lastSeq);
keepSeat(() => ({ client: seat.client, lastSeq: outbox.lastSeq, session: store.session.value?.id ?? null }));
outbox.count.subscribe((count) => (store.pending.value = count));

let socket: WebSocket | null = null;
let heardAt = 0;
let retryMs = FIRST_RETRY_MS;
let retry: ReturnType<typeof setTimeout> | undefined;
let onWelcome: () => void = () => undefined;
let onLoggedOut: (why: string) => void = () => undefined;
let settled: () => void = () => undefined;

/** Connects and stays connected. welcome: called on the first connection of a seat that has no session to resume. */
export function start(welcome: () => void, loggedOut: (why: string) => void): void {
  onWelcome = welcome;
  onLoggedOut = loggedOut;
  setInterval(beat, HEARTBEAT_MS);
  addEventListener("offline", () => drop());
  addEventListener("online", () => void connect());
  void connect();
}

/** Calls back whenever a kept message has become durable or was refused. */
export function onSettled(callback: () => void): void {
  settled = callback;
}

/** Inputs that were sent and not answered. */
export function waitingInputs(): number {
  return outbox.all().filter((each) => each.type === "input").length;
}

/** Sends a message that changes nothing; without a connection it is not sent. */
export function send(message: Up): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(encode(message));
}

/** Sends a command or input under the present epoch, and keeps it until it is durable. */
export function sendKept(message: Omit<Command, "seq" | "session" | "epoch"> | Omit<Input, "seq" | "session" | "epoch">): void {
  const now = store.state.value;
  if (!now) return;
  const numbered = outbox.number({ ...message, session: now.session, epoch: now.epoch } as Omit<Command, "seq">);
  send(numbered);
}

async function connect(): Promise<void> {
  clearTimeout(retry);
  if (socket) return;
  try {
    const { ticket } = await api.ticket();
    if (socket) return;
    open(ticket);
  } catch (error) {
    if (error instanceof api.Refused && error.status === 401) return onLoggedOut(error.message);
    later();
  }
}

function open(ticket: string): void {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const fresh = new WebSocket(`${scheme}://${location.host}/ws?ticket=${encodeURIComponent(ticket)}`, SUBPROTOCOL);
  fresh.binaryType = "arraybuffer";
  socket = fresh;
  heardAt = performance.now();
  fresh.onopen = () => {
    const session = store.session.value?.id ?? seat.session;
    send({ type: "hello", protocol: PROTOCOL, client: seat.client, ...(session ? { session } : {}) });
  };
  fresh.onmessage = (message: MessageEvent<ArrayBuffer>) => heard(message.data);
  fresh.onclose = () => {
    if (socket === fresh) drop();
  };
}

function heard(data: ArrayBuffer): void {
  heardAt = performance.now();
  if (new Uint8Array(data, 0, 1)[0]! < 0x80) {
    onFrame(data, (frame, drawnMs) => send({ type: "ack", frame, drawn_ms: drawnMs }));
    return;
  }
  const message = decode(new Uint8Array(data)) as Down;
  if (message.type === "welcome") return welcomed();
  if (message.type === "pulse") store.roundTripMs.value = performance.now() - message.sent_ms;
  if (message.type === "durable") outbox.durable(message.upto);
  if (message.type === "error" && message.seq !== null) outbox.refused(message.seq);
  store.receive(message);
  if (message.type === "durable" || message.type === "error") settled();
  if (message.type === "error" && !store.session.value) {
    // The session that this tab was in is gone, or the model is not ready: ask for work until there is some.
    seat.session = null;
    clearTimeout(retry);
    retry = setTimeout(onWelcome, RETRY_WORK_MS);
  }
  if (message.type === "session" || message.type === "event") void loadTree();
}

let loading = 0;
/** Fetches the tree after what changes more than one node; of several wishes at once the last one counts. */
async function loadTree(): Promise<void> {
  const wish = ++loading;
  const id = store.session.value?.id;
  if (!id) return;
  try {
    const reply = await api.treeOf(id);
    if (wish === loading) store.loadTree(reply);
  } catch (error) {
    if (error instanceof api.Refused) store.notify(error.message, "bad");
  }
}

function welcomed(): void {
  const lost = store.link.value === "lost";
  store.link.value = "open";
  retryMs = FIRST_RETRY_MS;
  if (lost) store.notify("Connected again. Nothing was lost.", "good", 4000);
  for (const message of outbox.all()) send(message);
  if (!store.session.value && !seat.session) onWelcome();
}

function drop(): void {
  const old = socket;
  socket = null;
  if (old) {
    old.onclose = null;
    old.close();
  }
  if (store.link.value === "open") store.link.value = "lost";
  later();
}

function later(): void {
  clearTimeout(retry);
  retry = setTimeout(() => void connect(), retryMs);
  retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2);
}

function beat(): void {
  if (!socket) return;
  if (performance.now() - heardAt > SILENCE_MS) return drop();
  send({ type: "heartbeat", sent_ms: performance.now() });
}
