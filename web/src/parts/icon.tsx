// The few signs of the page, drawn with the colour of the text around them.

const PATHS = {
  hand: "M8 13V5.5a1.5 1.5 0 0 1 3 0V11m0-6.5a1.5 1.5 0 0 1 3 0V11m0-5a1.5 1.5 0 0 1 3 0v8.5A5.5 5.5 0 0 1 11.500 20C8.500 20 7.500 18.500 4.500 13.800a1.500 1.500 0 0 1 2.500-1.600L8 13",
  chip: "M7 7h10v10H7zM9.500 3.500V7M14.500 3.500V7M9.500 17v3.500M14.500 17v3.500M3.500 9.500H7M3.500 14.500H7M17 9.500h3.500M17 14.500h3.500",
  pause: "M9 6v12M15 6v12",
  play: "M8 5.500v13l10.500-6.500z",
  step: "M7 5.500v13l8-6.500zM18 6v12",
  back: "M11 7l-6 5 6 5V7zM19 7l-6 5 6 5V7z",
  toTakeover: "M6 6v12M18 7l-8 5 8 5V7z",
  branch: "M7 4v16M7 13c0-5 10-2 10-9M14.500 6.500 17 4l2.500 2.500",
  next: "M5 12h13M13 7l5 5-5 5",
  check: "M5 12.500 10 17.500 19 7",
  cross: "M6.500 6.500l11 11M17.500 6.500l-11 11",
  question: "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 17.500v.01",
  undo: "M8 6 4.500 9.500 8 13M5 9.500h8.500a5 5 0 0 1 0 10H9",
  keyboard: "M3.500 7h17v10h-17zM7 10.500h.01M10.500 10.500h.01M14 10.500h.01M17 10.500h.01M8 13.800h8",
  sun: "M12 8.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7M12 3.500v2M12 18.500v2M3.500 12h2M18.500 12h2M6 6l1.400 1.400M16.600 16.600 18 18M6 18l1.400-1.400M16.600 7.400 18 6",
  moon: "M18.500 14.500A7.500 7.500 0 0 1 9.500 5.500a7.500 7.500 0 1 0 9 9",
  clips: "M4 6h7v5H4zM13 6h7v5h-7zM4 13h7v5H4zM13 13h7v5h-7z",
  grip: "M8 4v7l3 3v6M16 4v7l-3 3v6",
  plus: "M12 6v12M6 12h12",
  link: "M9 15l6-6M10.500 7.500l2-2a4 4 0 0 1 6 6l-2 2M13.500 16.500l-2 2a4 4 0 0 1-6-6l2-2",
  flag: "M6 20V5c4-2.500 7 2 12 0v8c-5 2-8-2.500-12 0",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
