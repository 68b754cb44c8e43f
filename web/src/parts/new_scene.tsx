// A new scene: the next of the server's, one by name, or a picture whose robot state the world reads and a person confirms.

import { signal } from "@preact/signals";

import * as api from "../state/api";
import { send } from "../state/connection";
import { newSceneOpen } from "../state/panels";
import * as store from "../state/store";
import type { ScenePreview } from "../wire";
import { Dialog } from "./dialog";

const preview = signal<ScenePreview | null>(null);
const words = signal("");
const name = signal("");
const MOST_BYTES = 10_000_000;

function close(): void {
  newSceneOpen.value = false;
  preview.value = null;
  words.value = "";
}

function begin(scene?: string): void {
  send(scene ? { type: "new_scene", scene } : { type: "new_scene" });
  close();
}

async function read(file: File | undefined): Promise<void> {
  if (!file) return;
  if (file.size > MOST_BYTES) {
    words.value = `The picture has ${Math.round(file.size / 1e6)} MB; at most ${MOST_BYTES / 1e6} MB are read.`;
    return;
  }
  words.value = "The world reads the picture …";
  try {
    preview.value = await api.scenePicture(file);
    words.value = preview.value.trusted ? "" : (preview.value.reason ?? "The world does not trust this picture.");
  } catch (error) {
    words.value = (error as Error).message;
  }
}

async function confirm(id: string): Promise<void> {
  try {
    const { text } = await api.confirmScene(id);
    send({ type: "open", session: text });
    close();
  } catch (error) {
    words.value = (error as Error).message;
  }
}

export function NewScene() {
  const seen = preview.value;
  return (
    <Dialog title="New scene" class="new-scene" close={close}>
      <div class="ways-in">
        <button type="button" class="act" onClick={() => begin()}>
          The next scene
        </button>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            begin(name.value.trim());
          }}
        >
          <label>
            By name
            <input
              value={name.value}
              placeholder={store.session.value?.scene ?? "push_t/train/7"}
              onInput={(event) => (name.value = event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="act" disabled={!name.value.trim()}>
            Open
          </button>
        </form>
        <label class="upload">
          From a picture
          <input type="file" accept="image/png,image/jpeg" onChange={(event) => void read(event.currentTarget.files?.[0])} />
        </label>
      </div>
      <p role="status">{words.value}</p>
      {seen?.trusted && (
        <>
          <h3>The robot, as the world reads it</h3>
          <dl class="numbers">
            {seen.state.map((value, at) => (
              <div key={at}>
                <dt>{seen.state_names[at]}</dt>
                <dd>{value.toFixed(3)}</dd>
              </div>
            ))}
          </dl>
          <button type="button" class="act primary" onClick={() => void confirm(seen.id)}>
            That is right: begin
          </button>
        </>
      )}
    </Dialog>
  );
}
