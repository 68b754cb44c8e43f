// Which key does what: the default map, and the operator's own. No key both moves and commands.

export const COMMANDS = {
  drive: { key: "Space", text: "Take over / hand back" },
  pause: { key: "KeyP", text: "Pause / go on" },
  step: { key: "Period", text: "Single step" },
  rewind: { key: "Backspace", text: "Rewind one second" },
  rewindTakeover: { key: "Shift+Backspace", text: "Rewind to the last takeover" },
  scrubBack: { key: "BracketLeft", text: "Look one step back" },
  scrubOn: { key: "BracketRight", text: "Look one step on" },
  branch: { key: "KeyB", text: "Branch here" },
  alternatives: { key: "KeyV", text: "What else could happen here" },
  next: { key: "KeyN", text: "Next in the inbox" },
  success: { key: "Digit1", text: "Label: success" },
  failure: { key: "Digit0", text: "Label: failure" },
  unsure: { key: "Digit2", text: "Label: unsure" },
  undo: { key: "Ctrl+KeyZ", text: "Undo the label" },
  sticky: { key: "KeyY", text: "Sticky keys: press once to move, again to stop" },
  sheet: { key: "Shift+Slash", text: "This key sheet" },
} as const;
export type CommandKey = keyof typeof COMMANDS;

/** A direction of one hand. With Shift the six movement keys turn instead. */
export const MOVES = {
  leftUp: { key: "KeyW", arm: 0, axis: "y", sign: 1, text: "away" },
  leftDown: { key: "KeyS", arm: 0, axis: "y", sign: -1, text: "near" },
  leftLeft: { key: "KeyA", arm: 0, axis: "x", sign: -1, text: "left" },
  leftRight: { key: "KeyD", arm: 0, axis: "x", sign: 1, text: "right" },
  leftLower: { key: "KeyQ", arm: 0, axis: "z", sign: -1, text: "lower" },
  leftRaise: { key: "KeyE", arm: 0, axis: "z", sign: 1, text: "raise" },
  rightUp: { key: "KeyI", arm: 1, axis: "y", sign: 1, text: "away" },
  rightDown: { key: "KeyK", arm: 1, axis: "y", sign: -1, text: "near" },
  rightLeft: { key: "KeyJ", arm: 1, axis: "x", sign: -1, text: "left" },
  rightRight: { key: "KeyL", arm: 1, axis: "x", sign: 1, text: "right" },
  rightLower: { key: "KeyU", arm: 1, axis: "z", sign: -1, text: "lower" },
  rightRaise: { key: "KeyO", arm: 1, axis: "z", sign: 1, text: "raise" },
} as const;
export type MoveKey = keyof typeof MOVES;

export const TOGGLES = {
  leftGrip: { key: "KeyF", text: "Left gripper open / close" },
  rightGrip: { key: "KeyH", text: "Right gripper open / close" },
  slow: { key: "CapsLock", text: "Slow on / off" },
} as const;
export type ToggleKey = keyof typeof TOGGLES;

export type ActionName = CommandKey | MoveKey | ToggleKey;
export type KeyMap = Record<ActionName, string>;

const ALL = { ...COMMANDS, ...MOVES, ...TOGGLES } as Record<ActionName, { key: string; text: string }>;
export const ACTION_NAMES = Object.keys(ALL) as ActionName[];

export const DEFAULT_KEYS = Object.fromEntries(ACTION_NAMES.map((name) => [name, ALL[name].key])) as KeyMap;

export function textOf(name: ActionName): string {
  return ALL[name].text;
}

export function isMove(name: ActionName): name is MoveKey {
  return name in MOVES;
}

export function isToggle(name: ActionName): name is ToggleKey {
  return name in TOGGLES;
}

/** The operator's map: the defaults with what was stored, as far as it makes sense. */
export function keyMap(stored: unknown): KeyMap {
  const map = { ...DEFAULT_KEYS };
  if (stored && typeof stored === "object") {
    for (const [name, key] of Object.entries(stored)) {
      if (name in map && typeof key === "string" && key.length < 40) map[name as ActionName] = key;
    }
  }
  return map;
}

/** `Ctrl+KeyZ`: what a key event is called in a map. Movement keys ignore Shift, which turns them into rotations. */
export function nameOfEvent(event: KeyboardEvent): string {
  if (event.key === "?") return "Shift+Slash"; // wherever a layout has it
  const ctrl = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  return `${ctrl}${event.shiftKey ? "Shift+" : ""}${event.code}`;
}

/** What the event asks for under this map, or null. */
export function actionOf(map: KeyMap, event: KeyboardEvent): ActionName | null {
  const full = nameOfEvent(event);
  const bare = event.ctrlKey || event.metaKey ? full : event.code;
  return (
    ACTION_NAMES.find((name) => map[name] === full) ??
    ACTION_NAMES.find((name) => (isMove(name) || isToggle(name)) && map[name] === bare) ??
    null
  );
}

/** The action that already has this key, other than `name` itself; movement keys take their Shift form with them. */
export function conflict(map: KeyMap, name: ActionName, key: string): ActionName | null {
  const moves = new Set(ACTION_NAMES.filter(isMove).map((each) => map[each]));
  const bare = key.replace("Shift+", "");
  return (
    ACTION_NAMES.find((each) => each !== name && map[each] === key) ??
    (!isMove(name) && key.startsWith("Shift+") && moves.has(bare)
      ? ACTION_NAMES.find((each) => map[each] === bare)!
      : null)
  );
}

const SHOWN: Record<string, string> = {
  Space: "Space", Backspace: "⌫", Period: ".", BracketLeft: "[", BracketRight: "]", CapsLock: "Caps", "Shift+Slash": "?",
  Comma: ",", Slash: "/", Semicolon: ";", Quote: "'", Minus: "-", Equal: "=", Backquote: "`", Enter: "↵", Tab: "Tab",
  ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→",
};

/** A key as it is printed on a keycap. */
export function shown(key: string): string {
  if (SHOWN[key]) return SHOWN[key];
  const parts = key.split("+");
  const code = parts.pop() ?? "";
  const cap = SHOWN[code] ?? code.replace(/^(Key|Digit|Numpad)/, "");
  return [...parts.map((part) => ({ Shift: "⇧", Ctrl: "⌃" })[part] ?? part), cap].join("");
}
