// Made by `python -m hiwm.server.typescript > web/src/wire.ts` from the server's schema; do not edit.

export const PROTOCOL = 1;
export const SUBPROTOCOL = "hiwm.v1";
export const MOST_BYTES = 65536;
export const CREDIT = 2;
export const FRAME_HEADER_BYTES = 32;
export const FrameKind = { LIVE: 1 } as const;
export const Codec = { JPEG: 1 } as const;

/** What somebody may do: a viewer looks, an operator steers, an admin runs the collection, a device only moves. */
export type Role = "admin" | "operator" | "viewer" | "device";

/** What an operator can ask of a session. */
export type CommandName = "take_over" | "hand_back" | "hold" | "resume" | "single_step" | "rewind" | "branch" | "mark" | "undo" | "finish";

/** The policy drives, nobody drives, an operator drives, or the work is finished. */
export type PhaseName = "watching" | "holding" | "steering" | "done";

/** How an attempt went, in the operator's judgement. */
export type LabelName = "success" | "failure" | "unsure";

/** Who chose an action. */
export type DriverName = "policy" | "person" | "script";

/** Why something was refused; the text beside it is for a person. */
export type ErrorCode = "malformed" | "unknown" | "forbidden" | "held" | "stale" | "not_allowed" | "too_fast" | "mismatch" | "busy" | "no_space" | "model" | "internal";

/** What a device sends: the name and unit of each number of its targets. */
export interface DeviceSpec {
  name: string;
  names: string[];
  units: string[];
  retarget: string | null;
}

/** A camera in the order of the frame header's camera number. */
export interface CameraInfo {
  name: string;
  height: number;
  width: number;
}

/** A number of the action: its range in robot units, and the most that a person may move it in a second. */
export interface NumberInfo {
  name: string;
  unit: string;
  low: number;
  high: number;
  speed: number;
}

/** `GET /api/me`: who is logged in, and the key map that they stored (command or motion -> key code). */
export interface Me {
  user: string;
  role: Role;
  keys: Record<string, string>;
  protocol: number;
  version: string;
}

/** `POST /api/ticket`: opens one WebSocket (`/ws?ticket=...`) within 30 s. */
export interface Ticket {
  ticket: string;
}

/** Any answer of 400 and above; the text is for a person. */
export interface Problem {
  code: string;
  text: string;
}

/** A failure that waits. thumbnails: nodes whose pictures tell it, `/api/sessions/{session}/frame/{node}/0.jpg`. */
export interface InboxEntry {
  session: string;
  node: number;
  why: string;
  score: number;
  thumbnails: number[];
  holder: string | null;
  reviews: number;
}

/** `GET /api/inbox`. */
export interface Inbox {
  items: InboxEntry[];
  waiting: number;
}

/** A session in `GET /api/sessions`. */
export interface SessionRow {
  id: string;
  task: string;
  scene: string;
  policy: string;
  steps: number;
  corrections: number;
  holder: string | null;
  watchers: number;
  open: boolean;
  label: LabelName | null;
  created_ms: number;
}

/** `GET /api/sessions`, newest first. */
export interface Sessions {
  sessions: SessionRow[];
}

/** A node in `GET /api/sessions/{id}/tree`; parent is null at the first. */
export interface TreeRow {
  node: number;
  parent: number | null;
  step: number;
  branch: number;
  driver: DriverName | null;
  progress: number | null;
  success: boolean | null;
  trust: number | null;
}

/** A line of the journal; the same as the wire's `event`. */
export interface EventRow {
  seq: number;
  name: string;
  node: number;
  at_ms: number;
  operator: string;
  label: LabelName | null;
  reason: string | null;
}

/** `GET /api/sessions/{id}/tree`: all nodes and events so far. labels: what counts now, by node (as text). */
export interface TreeReply {
  session: string;
  head: number;
  nodes: TreeRow[];
  events: EventRow[];
  labels: Record<string, LabelName>;
}

/** What one operator has done. */
export interface OperatorRow {
  user: string;
  online: boolean;
  session: string | null;
  corrections: number;
  corrections_an_hour: number | null;
  success_share: number | null;
}

/** `GET /api/overview`. gate_rejections: corrections that the export's gates refused, by reason. */
export interface Overview {
  operators: OperatorRow[];
  sessions: SessionRow[];
  corrections: number;
  corrections_an_hour: number | null;
  success_share: number | null;
  inbox_waiting: number;
  inbox_done: number;
  gate_rejections: Record<string, number>;
  model_alive: boolean;
  model_ms: number | null;
}

/** `POST /api/export` starts one, `GET /api/export/{id}` tells how it goes. state: running, done or failed. */
export interface ExportJob {
  id: string;
  state: string;
  progress: number;
  text: string;
  out: string;
  lines: string[];
}

/** `POST /api/people {name, role}` (admin): the link that logs them in. */
export interface PersonAdded {
  name: string;
  role: Role;
  link: string;
}

/** `POST /api/scenes/picture` (the picture as body): the robot state that the world reads in it, to be confirmed. `POST /api/scenes/{id}` then begins a session; refused with the reason where the world does not trust the picture. */
export interface ScenePreview {
  id: string;
  state: number[];
  state_names: string[];
  trusted: boolean;
  reason: string | null;
}

/** `POST /api/scenes/{id}`: the session that began, to be opened. */
export interface Begun {
  session: string;
}

/** `/healthz`: the server runs. `/readyz`: the model answers too (503 until then). */
export interface Health {
  ok: boolean;
  version: string;
  model: string;
  sessions: number;
  sqlite: string;
}

/** Answer where there is nothing else to say. */
export interface Done {
  ok: boolean;
  text: string;
}

/** The first message. `client` is made by the page once a tab and kept over reconnects; `session` resumes one. */
export interface Hello {
  type: "hello";
  protocol: number;
  client: string;
  session?: string | null;
  device?: DeviceSpec | null;
}

/** Look at a session. */
export interface Open {
  type: "open";
  session: string;
}

/** Go to the next inbox item, or to a new scene where there is none. `skip` leaves the present one to others. */
export interface Next {
  type: "next";
  skip?: boolean;
}

/** Begin a session in a scene (`task/split/number`), or in the next of the server's scenes. */
export interface NewScene {
  type: "new_scene";
  scene?: string | null;
}

/** One step that a person steers. step_seen: node of the newest frame that was drawn. velocity: (A,) robot units a second, integrated from the last commanded pose. target: (A,) absolute robot units, null where a number is not set; wins over velocity. held: a key or clutch is down; false lets the motion run out. */
export interface Input {
  type: "input";
  session: string;
  epoch: number;
  seq: number;
  step_seen: number;
  device: string;
  held: boolean;
  velocity?: number[] | null;
  target?: (number | null)[] | null;
}

/** A command of a session. node: where to (rewind) or of what (mark, branch); the head where it is left out. */
export interface Command {
  type: "command";
  session: string;
  epoch: number;
  seq: number;
  name: CommandName;
  node?: number | null;
  label?: LabelName | null;
  reason?: string | null;
}

/** A frame was drawn, `drawn_ms` milliseconds after it came. */
export interface Ack {
  type: "ack";
  frame: number;
  drawn_ms: number;
}

/** Sent every 500 ms; `sent_ms` is the page's clock and comes back in the pulse. */
export interface Heartbeat {
  type: "heartbeat";
  sent_ms: number;
}

/** Ask for a code that a device bridge logs in with, to steer for this seat. */
export interface Pair {
  type: "pair";
}

/** Ask what the policy would do from a node; the pictures are then fetched over HTTP. */
export interface Ghost {
  type: "ghost";
  session: string;
  node: number;
}

/** The seat is taken. */
export interface Welcome {
  type: "welcome";
  protocol: number;
  client: string;
  user: string;
  role: Role;
  server_ms: number;
}

/** What does not change while a session is looked at; sent on open, before its first frame. */
export interface SessionInfo {
  type: "session";
  id: string;
  task: string;
  prompt: string;
  scene: string;
  fps: number;
  cameras: CameraInfo[];
  action: NumberInfo[];
  policy: string;
  world: string;
}

/** Where a session is now; sent on open and after every change. driver: who led to the head. holder: user with the lease. yours: it is this seat's. commanded: (A,) the last commanded pose, where the next steered step starts. paused: why the world waits, for a person. saved: synced steps. */
export interface State {
  type: "state";
  session: string;
  phase: PhaseName;
  allowed: CommandName[];
  head: number;
  step: number;
  branch: number;
  driver: DriverName | null;
  holder: string | null;
  yours: boolean;
  epoch: number;
  commanded: number[];
  paused: string | null;
  saved: number;
}

/** A new node. commanded: (A,) the pose that led to it. client and seq say whose input it was. */
export interface Step {
  type: "step";
  session: string;
  node: number;
  parent: number;
  step: number;
  branch: number;
  driver: DriverName | null;
  progress: number | null;
  success: boolean | null;
  trust: number | null;
  commanded: number[];
  client: string | null;
  seq: number | null;
}

/** A line of a session's journal: a takeover, rewind, label, undo ...; `seq` counts them in the session. */
export interface JournalEvent {
  type: "event";
  session: string;
  seq: number;
  name: string;
  node: number;
  at_ms: number;
  operator: string;
  label: LabelName | null;
  reason: string | null;
}

/** All of this client's messages up to `upto` are on disk or were refused; `saved` steps of the session are. */
export interface Durable {
  type: "durable";
  session: string;
  upto: number;
  saved: number;
}

/** Who may change a session. Messages carry `epoch`; those with an old one are refused. */
export interface Lease {
  type: "lease";
  session: string;
  holder: string | null;
  epoch: number;
  yours: boolean;
}

/** Something was refused. With `seq`: that message of this client, which is not to be sent again. */
export interface Refusal {
  type: "error";
  code: ErrorCode;
  text: string;
  seq: number | null;
}

/** Where the time of the newest step went, milliseconds; batch: sessions that were stepped together. */
export interface Timing {
  type: "timing";
  session: string;
  queue_ms: number;
  model_ms: number;
  store_ms: number;
  encode_ms: number;
  batch: number;
}

/** The answer to a heartbeat. */
export interface Pulse {
  type: "pulse";
  sent_ms: number;
  server_ms: number;
}

/** The inbox item that this seat was given; without `why` the inbox is empty and the session is a new scene. */
export interface Item {
  type: "item";
  session: string;
  node: number;
  waiting: number;
  why: string | null;
  score: number | null;
  second_review: boolean;
}

/** What a person types at the bridge: `hiwm bridge --code CODE`. */
export interface PairCode {
  type: "pair_code";
  code: string;
  expires_s: number;
}

/** A device steers for this seat, or has left it. */
export interface Device {
  type: "device";
  name: string;
  connected: boolean;
}

/** `/api/sessions/{session}/ghost/{node}/{0..count-1}.jpg` are what the policy would do. */
export interface GhostReady {
  type: "ghost_ready";
  session: string;
  node: number;
  count: number;
}

export type Up = Hello | Open | Next | NewScene | Input | Command | Ack | Heartbeat | Pair | Ghost;
export type Down = Welcome | SessionInfo | State | Step | JournalEvent | Durable | Lease | Refusal | Timing | Pulse | Item | PairCode | Device | GhostReady;
