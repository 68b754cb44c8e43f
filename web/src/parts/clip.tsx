// A small clip of pictures in a loop; it stands still where motion is unwelcome.

import { useEffect, useRef, useState } from "preact/hooks";

const FRAME_MS = 90;
const REST_FRAMES = 6;

export function Clip({ frames, name }: { frames: string[]; name: string }) {
  const [at, setAt] = useState(0);
  const pictures = useRef<HTMLImageElement[]>([]);
  useEffect(() => {
    pictures.current = frames.map((url) => Object.assign(new Image(), { src: url }));
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      setAt(frames.length - 1);
      return;
    }
    const timer = setInterval(() => setAt((now) => (now + 1) % (frames.length + REST_FRAMES)), FRAME_MS);
    return () => clearInterval(timer);
  }, [frames.length, frames.at(-1)]);
  return <img class="clip" src={frames[Math.min(at, frames.length - 1)]} alt={name} width="160" height="160" />;
}
