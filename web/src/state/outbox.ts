// Numbered messages that are kept until the server says that they are durable (or refused), and sent again on reconnect.

import { signal } from "@preact/signals";

import type { Command, Input } from "../wire";

type Numbered = Command | Input;
type Unnumbered<T> = T extends Numbered ? Omit<T, "seq"> : never;

export class Outbox {
  private waiting: Numbered[] = [];
  private last: number;
  /** How many messages wait to be saved. */
  readonly count = signal(0);

  constructor(lastSeq: number) {
    this.last = lastSeq;
  }

  get lastSeq(): number {
    return this.last;
  }

  number(message: Unnumbered<Numbered>): Numbered {
    const numbered = { ...message, seq: ++this.last } as Numbered;
    this.waiting.push(numbered);
    this.count.value = this.waiting.length;
    return numbered;
  }

  durable(upto: number): void {
    this.keep((each) => each.seq > upto);
  }

  refused(seq: number): void {
    this.keep((each) => each.seq !== seq);
  }

  all(): readonly Numbered[] {
    return this.waiting;
  }

  private keep(which: (each: Numbered) => boolean): void {
    this.waiting = this.waiting.filter(which);
    this.count.value = this.waiting.length;
  }
}
