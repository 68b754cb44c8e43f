// Pictures from the wire onto the stage's canvases. A frame is acknowledged once all its cameras are drawn.

import { Codec, FRAME_HEADER_BYTES } from "../wire";
import * as store from "./store";

const canvases = new Map<number, HTMLCanvasElement>();
const newest = new Map<number, ImageBitmap>();

/** The stage gives its canvases here; a camera without one is decoded and not drawn. */
export function setCanvas(camera: number, canvas: HTMLCanvasElement | null): void {
  if (!canvas) {
    canvases.delete(camera);
    return;
  }
  canvases.set(camera, canvas);
  const picture = newest.get(camera);
  if (picture) paint(canvas, picture);
}

/** The canvas that a camera is drawn on, for those who show it elsewhere too. */
export function canvasOf(camera: number): HTMLCanvasElement | null {
  return canvases.get(camera) ?? null;
}

let queue: Promise<void> = Promise.resolve();
const left = new Map<number, number>();

/** Draws a binary message, in order of arrival, and calls `done(frame, ms)` after the last camera of the frame. */
export function onFrame(data: ArrayBuffer, done: (frame: number, drawnMs: number) => void): void {
  const came = performance.now();
  const head = new DataView(data);
  const [camera, cameras, codec] = [head.getUint8(1), head.getUint8(2), head.getUint8(3)];
  const [node, step, frame] = [head.getUint32(8, true), head.getUint32(12, true), head.getUint32(16, true)];
  if (codec !== Codec.JPEG) return;
  const picture = createImageBitmap(new Blob([new Uint8Array(data, FRAME_HEADER_BYTES)], { type: "image/jpeg" }));
  queue = queue.then(async () => {
    try {
      const bitmap = await picture;
      newest.get(camera)?.close();
      newest.set(camera, bitmap);
      const canvas = canvases.get(camera);
      if (canvas) paint(canvas, bitmap);
    } catch {
      store.notify("A picture could not be read; the next one follows.", "bad");
    }
    const waiting = (left.get(frame) ?? cameras) - 1;
    if (waiting > 0) {
      left.set(frame, waiting);
      return;
    }
    left.delete(frame);
    const drawnMs = performance.now() - came;
    store.drawMs.value = drawnMs;
    store.drawn.value = { node, step };
    done(frame, drawnMs);
  });
}

function paint(canvas: HTMLCanvasElement, picture: ImageBitmap): void {
  if (canvas.width !== picture.width) canvas.width = picture.width;
  if (canvas.height !== picture.height) canvas.height = picture.height;
  canvas.getContext("2d")?.drawImage(picture, 0, 0);
}
