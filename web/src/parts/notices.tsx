// Short words about what happened, read out politely; they leave by themselves and block nothing.

import * as store from "../state/store";
import { Icon } from "./icon";

export function Notices() {
  const live =
    store.link.value === "lost" ? "Connection lost. All keys are released." : store.pending.value === 0 ? "Saved." : "";
  return (
    <>
      <div class="notices" role="status" aria-live="polite">
        {store.notices.value.map((notice) => (
          <div key={notice.id} class={`notice ${notice.tone}`}>
            <span>{notice.text}</span>
            <button type="button" aria-label="Dismiss" onClick={() => store.dismiss(notice.id)}>
              <Icon name="cross" />
            </button>
          </div>
        ))}
      </div>
      <div class="unseen" role="status" aria-live="polite">
        {live}
      </div>
    </>
  );
}
