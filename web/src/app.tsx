// The whole page: login, then the stage or the overview.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { next } from "./input/commands";
import { startGamepad } from "./input/gamepad";
import { loadKeys } from "./input/keyboard";
import { startSteering } from "./input/steer";
import { Gate } from "./parts/gate";
import { Notices } from "./parts/notices";
import { OverviewPage } from "./parts/overview";
import { StagePage } from "./parts/stage_page";
import { TopBar } from "./parts/top_bar";
import * as api from "./state/api";
import { send, start } from "./state/connection";
import * as store from "./state/store";

const gate = signal<"asking" | "open" | string>("asking");

/** Exchanges the token of the start-up link for a cookie; the token leaves the address at once. */
async function enter(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) history.replaceState(null, "", location.pathname);
  try {
    store.me.value = token ? await api.login(token) : await api.whoAmI();
  } catch (error) {
    gate.value = error instanceof api.Refused ? error.message : "The server does not answer. Is it running?";
    return;
  }
  loadKeys(store.me.value.keys);
  gate.value = "open";
  startSteering();
  startGamepad();
  start(welcome, (why) => (gate.value = why));
}

/** A fresh seat begins with the first failure that waits; a viewer with the newest session. */
async function welcome(): Promise<void> {
  if (store.me.value?.role !== "viewer") return next();
  const { sessions } = await api.sessions();
  if (sessions[0]) send({ type: "open", session: sessions[0].id });
}

function readPage(): void {
  store.page.value = location.hash === "#overview" ? "overview" : "stage";
}

export function App() {
  useEffect(() => {
    void enter().then(readPage);
    addEventListener("hashchange", readPage);
  }, []);
  if (gate.value !== "open") return <Gate why={gate.value === "asking" ? null : gate.value} />;
  return (
    <>
      <TopBar />
      {store.page.value === "overview" ? <OverviewPage /> : <StagePage />}
      <Notices />
    </>
  );
}
