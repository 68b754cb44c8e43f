// Which panels are open, and what this browser remembers about looks and hints.

import { effect, signal } from "@preact/signals";

export const sheetOpen = signal(false);
export const alternativesOpen = signal(false);
export const newSceneOpen = signal(false);
export const inboxOpen = signal(false);

export type Theme = "auto" | "light" | "dark";

function remembered<T extends string>(key: string, fallback: T) {
  const value = signal<T>((localStorage.getItem(key) as T | null) ?? fallback);
  effect(() => localStorage.setItem(key, value.value));
  return value;
}

export const theme = remembered<Theme>("hiwm.theme", "auto");
export const hinted = remembered<"no" | "yes">("hiwm.hinted", "no");
export const scaling = remembered<"sharp" | "smooth">("hiwm.scaling", "sharp");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});
