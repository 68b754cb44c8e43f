// A panel over the page that Escape closes and that keeps the focus inside.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { Icon } from "./icon";

export function Dialog(props: { title: string; close: () => void; children: ComponentChildren; class?: string }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    box.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={box}
      class={props.class}
      aria-label={props.title}
      onClose={props.close}
      onClick={(event) => event.target === box.current && props.close()}
    >
      <header>
        <h2>{props.title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={props.close}>
          <Icon name="cross" />
        </button>
      </header>
      {props.children}
    </dialog>
  );
}
