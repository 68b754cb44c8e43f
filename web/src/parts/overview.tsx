// For whoever runs the collection: what it yields, who works, what waits, what the gates refuse; and the export.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import * as api from "../state/api";
import { send } from "../state/connection";
import * as store from "../state/store";
import type { ExportJob, Overview, PersonAdded, Role, SessionRow } from "../wire";
import { Icon } from "./icon";

const seen = signal<Overview | null>(null);
const trouble = signal("");
const job = signal<ExportJob | null>(null);

async function refresh(): Promise<void> {
  try {
    seen.value = await api.overview();
    trouble.value = "";
  } catch (error) {
    trouble.value = (error as Error).message;
  }
}

async function exportNow(): Promise<void> {
  try {
    job.value = await api.startExport();
    while (job.value.state === "running") {
      await new Promise((later) => setTimeout(later, 400));
      job.value = await api.exportJob(job.value.id);
    }
  } catch (error) {
    store.notify((error as Error).message, "bad");
  }
  void refresh();
}

export function OverviewPage() {
  useEffect(() => {
    void refresh();
    const timer = setInterval(() => void refresh(), 5000);
    return () => clearInterval(timer);
  }, []);
  const now = seen.value;
  return (
    <main class="overview" aria-label="Overview">
      {trouble.value && <p role="alert">{trouble.value}</p>}
      {now && (
        <>
          <Figures now={now} />
          <div class="columns">
            <Sessions rows={now.sessions} />
            <div class="narrow">
              <Export />
              <Operators now={now} />
              <Rejections now={now} />
            </div>
          </div>
        </>
      )}
    </main>
  );
}

function percent(share: number | null): string {
  return share === null ? "–" : `${Math.round(100 * share)} %`;
}

function Figures({ now }: { now: Overview }) {
  const figures: [string, string, string][] = [
    ["Corrections", now.corrections.toLocaleString("en"), "kept in the session files"],
    ["An hour", now.corrections_an_hour === null ? "–" : now.corrections_an_hour.toFixed(0), "of an operator's time"],
    ["Succeed", percent(now.success_share), "of the corrections"],
    ["In the inbox", now.inbox_waiting.toLocaleString("en"), `${now.inbox_done} done`],
    ["Model", now.model_alive ? "answers" : "restarts", now.model_ms === null ? "" : `${now.model_ms.toFixed(0)} ms a step`],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value, more]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value} <small>{more}</small>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Sessions({ rows }: { rows: SessionRow[] }) {
  return (
    <section class="card wide">
      <h2>Sessions</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Sessions">
        <table>
          <thead>
            <tr>
              <th scope="col">scene</th>
              <th scope="col">label</th>
              <th scope="col" class="number">steps</th>
              <th scope="col" class="number">corrections</th>
              <th scope="col">who</th>
              <th scope="col">begun</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.id}>
                <td>
                  <a href="#stage" onClick={() => send({ type: "open", session: row.id })}>
                    {row.scene}
                  </a>
                </td>
                <td>{row.label ? <span class={`chip ${row.label}`}>{row.label}</span> : <span class="muted">open</span>}</td>
                <td class="number">{row.steps.toLocaleString("en")}</td>
                <td class="number">{row.corrections}</td>
                <td>{row.holder ?? <span class="muted">{row.watchers > 0 ? `${row.watchers} watch` : "nobody"}</span>}</td>
                <td class="muted">{new Date(row.created_ms).toLocaleString([], { dateStyle: "short", timeStyle: "short" })}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p class="muted">No sessions yet.</p>}
      </div>
    </section>
  );
}

function Export() {
  const now = job.value;
  const running = now?.state === "running";
  return (
    <section class="card">
      <h2>Export</h2>
      <p class="muted">All corrections that pass the gates, as a LeRobot dataset.</p>
      <button type="button" class="act primary" disabled={running} onClick={() => void exportNow()} data-export>
        <Icon name="next" />
        <span>{running ? "Exporting …" : "Export corrections"}</span>
      </button>
      {now && (
        <div class={`job ${now.state}`} data-job={now.state}>
          <progress max={1} value={running ? now.progress : 1} aria-label="Export" />
          <p role="status">{now.text}</p>
          {now.state === "done" && <code>{now.out}</code>}
          {now.state === "failed" && <pre>{now.lines.slice(-6).join("\n")}</pre>}
        </div>
      )}
    </section>
  );
}

function Operators({ now }: { now: Overview }) {
  return (
    <section class="card">
      <h2>Operators</h2>
      <ul class="people">
        {now.operators.map((each) => (
          <li key={each.user}>
            <b>{each.user}</b>
            <span class={`chip ${each.online ? "online" : ""}`}>{each.online ? "here" : "away"}</span>
            <span class="muted">
              {each.corrections} corrections{each.corrections_an_hour === null ? "" : `, ${each.corrections_an_hour.toFixed(0)} an hour`}, {percent(each.success_share)} succeed
            </span>
          </li>
        ))}
        {now.operators.length === 0 && <li class="muted">Nobody has steered yet.</li>}
      </ul>
      {store.me.value?.role === "admin" && <Invite />}
    </section>
  );
}

const invited = signal<PersonAdded | null>(null);

async function invite(form: HTMLFormElement): Promise<void> {
  const given = new FormData(form);
  try {
    invited.value = await api.invite(String(given.get("name")), String(given.get("role")) as Role);
    form.reset();
  } catch (error) {
    store.notify((error as Error).message, "bad");
  }
}

/** A link for somebody else. */
function Invite() {
  return (
    <form
      class="invite"
      onSubmit={(event) => {
        event.preventDefault();
        void invite(event.currentTarget);
      }}
    >
      <label>
        Name <input name="name" required pattern="[a-z0-9][a-z0-9._\\-]{0,63}" title="a-z, 0-9, . _ and -" />
      </label>
      <label>
        as{" "}
        <select name="role">
          <option>operator</option>
          <option>viewer</option>
          <option>admin</option>
        </select>
      </label>
      <button type="submit" class="act">
        Make a link
      </button>
      {invited.value && (
        <p role="status">
          Give this to {invited.value.name}: <code>{invited.value.link}</code>
        </p>
      )}
    </form>
  );
}

function Rejections({ now }: { now: Overview }) {
  const rows = Object.entries(now.gate_rejections).sort((a, b) => b[1] - a[1]);
  const most = Math.max(1, ...rows.map(([, count]) => count));
  return (
    <section class="card">
      <h2>Refused by the gates</h2>
      {rows.length === 0 && <p class="muted">None.</p>}
      <dl class="bars">
        {rows.map(([reason, count]) => (
          <div key={reason}>
            <dt>{reason}</dt>
            <dd>
              <meter min={0} max={most} value={count} aria-label={reason} /> {count}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
