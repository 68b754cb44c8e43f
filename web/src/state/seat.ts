// Who this tab is to the server: a name made once, kept over reconnects and reloads, and never shared by two tabs.

const KEY = "hiwm.seat";

export interface Seat {
  client: string;
  lastSeq: number;
  session: string | null;
}

/** Takes the stored seat out of the tab's storage, so that a duplicated tab does not find it; or makes a new one. */
export function takeSeat(): Seat {
  const stored = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  if (stored) {
    try {
      return JSON.parse(stored) as Seat;
    } catch {
      // Not ours: begin anew.
    }
  }
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  const name = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { client: `page-${name}`, lastSeq: 0, session: null };
}

/** Puts the seat back when the page goes away. */
export function keepSeat(now: () => Seat): void {
  addEventListener("pagehide", () => sessionStorage.setItem(KEY, JSON.stringify(now())));
}
