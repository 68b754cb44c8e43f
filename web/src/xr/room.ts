// The stage in a headset: the picture as a panel in front of the person, controllers as hands. Loaded when asked for.
// Squeeze is the clutch, trigger closes the gripper, B or Y rewinds, A or X takes over and hands back.

import { CanvasTexture, Mesh, MeshBasicMaterial, NearestFilter, PerspectiveCamera, PlaneGeometry, Quaternion, Scene, SRGBColorSpace, Vector3, WebGLRenderer } from "three";

import { drive, rewindBy } from "../input/commands";
import * as held from "../input/held";
import type { Targets } from "../input/motion";
import { hands, push, use } from "../input/steer";
import { canvasOf } from "../state/frames";
import * as store from "../state/store";
import { Clutch } from "./clutch";

const PANEL_M = 1.1;
const PANEL_PLACE = new Vector3(0, 1.35, -1.3);
const WORDS_PX = { width: 512, height: 64 };
const [TRIGGER, SQUEEZE, A_OR_X, B_OR_Y] = [0, 1, 4, 5];
const WORDS: Record<store.Hand, string> = {
  you: "YOU drive", policy: "POLICY drives", other: "somebody else drives", nobody: "Paused", done: "Finished",
};

let down = new Set<string>();
const clutches = [new Clutch(), new Clutch()];

/** Goes into the headset; comes back when the person leaves it. */
export async function enterRoom(): Promise<void> {
  const xr = navigator.xr;
  const canvas = canvasOf(0);
  if (!xr || !canvas) return;
  const renderer = new WebGLRenderer({ antialias: true });
  renderer.xr.enabled = true;
  const session = await xr.requestSession("immersive-vr", { optionalFeatures: ["local-floor"] });
  const { scene, refresh } = furnish(canvas);
  const camera = new PerspectiveCamera();
  renderer.xr.setReferenceSpaceType("local-floor");
  await renderer.xr.setSession(session);
  session.addEventListener("end", () => {
    held.releaseAll();
    renderer.setAnimationLoop(null);
    renderer.dispose();
  });
  let mine = false;
  renderer.setAnimationLoop((_, frame?: XRFrame) => {
    if (mine !== store.steering.peek()) clutches.forEach((clutch) => clutch.drop());
    mine = store.steering.peek();
    const space = renderer.xr.getReferenceSpace();
    if (frame && space) readControllers(session, frame, space);
    refresh();
    renderer.render(scene, camera);
  });
}

function furnish(canvas: HTMLCanvasElement): { scene: Scene; refresh: () => void } {
  const scene = new Scene();
  const picture = new CanvasTexture(canvas);
  picture.magFilter = NearestFilter;
  picture.colorSpace = SRGBColorSpace;
  scene.add(panel(picture, PANEL_M, (PANEL_M * canvas.height) / canvas.width, PANEL_PLACE));
  const words = Object.assign(document.createElement("canvas"), WORDS_PX);
  const sign = new CanvasTexture(words);
  const height = (PANEL_M * WORDS_PX.height) / WORDS_PX.width;
  const above = (PANEL_M * canvas.height) / canvas.width / 2 + height / 2 + 0.02;
  scene.add(panel(sign, PANEL_M, height, PANEL_PLACE.clone().add(new Vector3(0, above, 0))));
  let said = "";
  return {
    scene,
    refresh: () => {
      picture.needsUpdate = true;
      const text = `${WORDS[store.hand.peek()]} · step ${store.state.peek()?.step ?? 0} · saved ${store.saved.peek()}`;
      if (text === said) return;
      said = text;
      write(words, text);
      sign.needsUpdate = true;
    },
  };
}

function panel(map: CanvasTexture, width: number, height: number, place: Vector3): Mesh {
  const mesh = new Mesh(new PlaneGeometry(width, height), new MeshBasicMaterial({ map }));
  mesh.position.copy(place);
  return mesh;
}

function write(canvas: HTMLCanvasElement, text: string): void {
  const context = canvas.getContext("2d")!;
  const yours = store.hand.peek() === "you";
  context.fillStyle = yours ? "#f5b523" : "#13201f";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = yours ? "#221800" : "#f8faf9";
  context.font = "600 28px 'IBM Plex Sans Variable', sans-serif";
  context.textBaseline = "middle";
  context.fillText(text, 20, canvas.height / 2);
}

function readControllers(session: XRSession, frame: XRFrame, space: XRReferenceSpace): void {
  const commanded = store.state.peek()?.commanded ?? [];
  const targets: Targets = Array.from({ length: hands.count }, () => ({}));
  const pressed = new Set<string>();
  for (const source of session.inputSources) {
    const pose = source.gripSpace ? frame.getPose(source.gripSpace, space) : undefined;
    const buttons = source.gamepad?.buttons ?? [];
    buttons.forEach((button, at) => button.pressed && pressed.add(`${source.handedness} ${at}`));
    const hand = hands.count > 1 && source.handedness === "right" ? 1 : 0;
    if (!pose || !store.steering.peek()) continue;
    const { position: p, orientation: q } = pose.transform;
    const clutched = buttons[SQUEEZE]?.pressed ?? false;
    const place = new Vector3(p.x, p.y, p.z);
    const turn = new Quaternion(q.x, q.y, q.z, q.w);
    const goal = clutches[source.handedness === "right" ? 1 : 0]!.follow(clutched, place, turn, hands.pose(hand, commanded));
    if (goal) targets[hand] = goal;
    if (clutched) hands.setGrip(hand, 1 - (buttons[TRIGGER]?.value ?? 0));
  }
  pressedNow(pressed);
  if (targets.some((pose) => Object.keys(pose).length > 0)) use("xr");
  held.pulls.value = targets;
  push();
}

function pressedNow(pressed: Set<string>): void {
  const fresh = [...pressed].filter((each) => !down.has(each)).map((each) => Number(each.split(" ")[1]));
  down = pressed;
  if (fresh.includes(A_OR_X)) drive();
  if (fresh.includes(B_OR_Y)) {
    clutches.forEach((clutch) => clutch.drop());
    rewindBy(1);
  }
}
