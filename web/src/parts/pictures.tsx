// The pictures, large and crisp, with who drives on their frame.

import { useEffect, useRef, useState } from "preact/hooks";

import { onPointerDown, onPointerMove, onPointerUp } from "../input/pointer";
import { frameUrl } from "../state/api";
import { setCanvas } from "../state/frames";
import { scaling } from "../state/panels";
import * as store from "../state/store";
import type { CameraInfo } from "../wire";
import { Hints } from "./hints";
import { Icon, type IconName } from "./icon";

export function Pictures() {
  const [first, setFirst] = useState(0);
  const cameras = store.session.value?.cameras.slice(0, 3) ?? [];
  const order = cameras.map((camera, at) => ({ camera, at })).sort((a, b) => Number(b.at === first) - Number(a.at === first));
  return (
    <div class={`pictures count-${Math.max(1, cameras.length)} ${scaling.value}`}>
      <Flag />
      {cameras.length === 0 && <Waiting />}
      {order.map(({ camera, at }) => (
        <Picture key={`${store.session.value?.id}/${at}`} camera={camera} at={at} main={at === first} enlarge={() => setFirst(at)} />
      ))}
      <Paused />
      <Hints />
    </div>
  );
}

function Picture(props: { camera: CameraInfo; at: number; main: boolean; enlarge: () => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { at, camera } = props;
  useEffect(() => {
    setCanvas(at, canvas.current);
    return () => setCanvas(at, null);
  }, [at]);
  const node = store.looking.value;
  const name = camera.name.replace(/^observation\.images?\.?/, "") || "camera";
  return (
    <figure class={props.main ? "main" : "small"}>
      <div
        class="frame"
        style={{ aspectRatio: `${camera.width} / ${camera.height}`, "--shape": Math.min(1, camera.width / camera.height) }}
        onPointerDown={props.main ? onPointerDown : props.enlarge}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={onPointerUp}
      >
        <canvas
          ref={canvas}
          width={camera.width}
          height={camera.height}
          role="img"
          aria-label={`Camera ${name}, step ${store.drawn.value?.step ?? 0}`}
        />
        {node !== null && store.session.value && (
          <img class="older" src={frameUrl(store.session.value.id, node, at)} alt={`Camera ${name}, step ${store.tree.get(node)?.step}`} />
        )}
      </div>
      {store.session.value!.cameras.length > 1 && <figcaption>{name}</figcaption>}
    </figure>
  );
}

const FLAGS: Record<store.Hand, { text: string; icon: IconName }> = {
  you: { text: "YOU drive", icon: "hand" },
  policy: { text: "POLICY drives", icon: "chip" },
  other: { text: "", icon: "hand" },
  nobody: { text: "Paused", icon: "pause" },
  done: { text: "Finished", icon: "flag" },
};

function Flag() {
  const now = store.state.value;
  if (!now) return null;
  const { text, icon } = FLAGS[store.hand.value];
  const old = store.looking.value !== null;
  const words = store.hand.value === "other" ? `${now.holder ?? "Somebody"} drives` : text;
  return (
    <p class="flag" data-hand={store.hand.value}>
      <span class="driver">
        <Icon name={icon} />
        {words}
      </span>
      <span class="place">
        step <b data-step>{old ? store.tree.get(store.looking.value)?.step : now.step}</b> · branch <b>{now.branch + 1}</b>
        {old && " · looking back"}
        {now.holder && !now.yours && store.hand.value !== "other" && ` · held by ${now.holder}`}
      </span>
    </p>
  );
}

function Paused() {
  const why = store.link.value === "lost" ? "Connection lost. The world waits; nothing is lost." : store.state.value?.paused;
  if (!why) return null;
  return (
    <p class="waits" role="status">
      {why}
    </p>
  );
}

function Waiting() {
  return (
    <div class="frame empty">
      <p role="status">{store.link.value === "open" ? "Waiting for a session …" : "Connecting …"}</p>
    </div>
  );
}
