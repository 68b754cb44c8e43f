// The server's HTTP side. A refusal becomes an error with the server's own sentence.

import type {
  Done, ExportJob, Inbox, Me, Overview, PersonAdded, Problem, Role, ScenePreview, Sessions, Ticket, TreeReply,
} from "../wire";

export class Refused extends Error {
  constructor(
    readonly status: number,
    text: string,
  ) {
    super(text);
  }
}

async function ask<T>(method: string, path: string, body?: BodyInit | object): Promise<T> {
  const plain = body !== undefined && !(body instanceof Blob);
  const answer = await fetch(`/api/${path}`, {
    method,
    body: plain ? JSON.stringify(body) : (body as Blob | undefined),
    headers: plain ? { "Content-Type": "application/json" } : {},
    signal: AbortSignal.timeout(15_000),
  });
  const told = (await answer.json().catch(() => null)) as (T & Partial<Problem>) | null;
  if (!answer.ok || told === null) throw new Refused(answer.status, told?.text ?? `the server answered ${answer.status}`);
  return told;
}

export const login = (token: string) => ask<Me>("POST", "login", { token });
export const whoAmI = () => ask<Me>("GET", "me");
export const storeKeys = (keys: Record<string, string>) => ask("PUT", "me/keys", { keys });
export const ticket = () => ask<Ticket>("POST", "ticket", {});
export const inbox = () => ask<Inbox>("GET", "inbox");
export const sessions = () => ask<Sessions>("GET", "sessions");
export const overview = () => ask<Overview>("GET", "overview");
export const treeOf = (id: string) => ask<TreeReply>("GET", `sessions/${id}/tree`);
export const startExport = () => ask<ExportJob>("POST", "export", {});
export const exportJob = (id: string) => ask<ExportJob>("GET", `export/${id}`);
export const invite = (name: string, role: Role) => ask<PersonAdded>("POST", "people", { name, role });
export const scenePicture = (picture: Blob) => ask<ScenePreview>("POST", "scenes/picture", picture);
export const confirmScene = (id: string) => ask<Done>("POST", `scenes/${id}`, {});

export function frameUrl(session: string, node: number, camera = 0): string {
  return `/api/sessions/${session}/frame/${node}/${camera}.jpg`;
}

export function ghostUrl(session: string, node: number, number: number): string {
  return `/api/sessions/${session}/ghost/${node}/${number}.jpg`;
}
