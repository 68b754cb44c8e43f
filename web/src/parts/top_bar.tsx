// What is always on screen: task, saved counter, connection, latency, pages, theme, keys.

import { sheetOpen, theme, type Theme } from "../state/panels";
import * as store from "../state/store";
import { Headset } from "./headset";
import { Icon } from "./icon";

const NEXT_THEME: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

export function TopBar() {
  const now = store.session.value;
  return (
    <header class="top">
      <img class="mark" src="/mark.svg" alt="hiwm" width="28" height="28" />
      <nav class="pages" aria-label="Pages">
        <a href="#stage" aria-current={store.page.value === "stage" ? "page" : undefined}>
          Stage
        </a>
        <a href="#overview" aria-current={store.page.value === "overview" ? "page" : undefined}>
          Overview
        </a>
      </nav>
      {now && (
        <p class="about" title={`${now.scene} · world ${now.world} · policy ${now.policy}`}>
          <strong>{now.prompt}</strong>
          <span>{now.scene}</span>
        </p>
      )}
      <span class="fill" />
      <Headset />
      <Saved />
      <Connection />
      <button
        type="button"
        class="quiet"
        title={`Theme: ${theme.value}`}
        onClick={() => (theme.value = NEXT_THEME[theme.value])}
      >
        <Icon name={theme.value === "dark" ? "moon" : "sun"} />
        <span class="unseen">Change the theme, now</span>
        <span class="tiny">{theme.value}</span>
      </button>
      <button type="button" class="quiet" title="Keys (?)" onClick={() => (sheetOpen.value = true)}>
        <Icon name="keyboard" />
        <span class="unseen">Keys</span>
        <kbd>?</kbd>
      </button>
      <span class="who" title={store.me.value?.role}>
        {store.me.value?.user}
      </span>
    </header>
  );
}

function Saved() {
  const waiting = store.pending.value;
  return (
    <p class={`saved ${waiting > 0 ? "waiting" : ""}`} data-saved={store.saved.value} data-pending={waiting}>
      <Icon name={waiting > 0 ? "undo" : "check"} />
      <span>
        {waiting > 0 ? "saving" : "saved"} <b>{store.saved.value.toLocaleString("en")}</b>
      </span>
    </p>
  );
}

const STAGES = [
  ["queue", "queue_ms"],
  ["model", "model_ms"],
  ["store", "store_ms"],
  ["encode", "encode_ms"],
] as const;

function Connection() {
  const [timing, trip, draw] = [store.timing.value, store.roundTripMs.value, store.drawMs.value];
  const parts = timing ? STAGES.map(([name, key]) => [name, timing[key]] as const) : [];
  const all = [...parts, ["wire", trip === null ? 0 : trip / 2] as const, ["draw", draw ?? 0] as const];
  const total = all.reduce((sum, [, ms]) => sum + ms, 0);
  const words = { open: "connected", lost: "connection lost", connecting: "connecting" }[store.link.value];
  return (
    <details class={`connection ${store.link.value}`}>
      <summary title="Latency by stage">
        <span class="dot" aria-hidden="true" />
        <span>{words}</span>
        {store.link.value === "open" && <b>{Math.round(total)} ms</b>}
      </summary>
      <dl>
        {all.map(([name, ms]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{ms.toFixed(1)} ms</dd>
            <meter min={0} max={Math.max(total, 1)} value={ms} aria-label={`${name} share`} />
          </div>
        ))}
        {timing && timing.batch > 1 && <p class="muted">{timing.batch} sessions stepped together</p>}
      </dl>
    </details>
  );
}
