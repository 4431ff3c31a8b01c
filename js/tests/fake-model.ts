// The page's side of a widget model, without a kernel: what is sent is kept, and answers are made by the test.

import type { Model } from "../src/channel.ts";

export interface Sent {
  readonly v: number;
  readonly id: number;
  readonly kind: string;
  readonly rows?: readonly number[];
}

export class FakeModel implements Model {
  readonly sent: Sent[] = [];
  readonly #listeners = new Map<string, Set<(...args: never[]) => void>>();

  constructor(readonly traits: Record<string, unknown> = {}) {}

  get(name: string): unknown {
    return this.traits[name];
  }

  set(name: string, value: unknown): void {
    this.traits[name] = value;
  }

  save_changes(): void {}

  /** Python sets a trait. */
  change(name: string, value: unknown): void {
    this.traits[name] = value;
    for (const listener of this.#listeners.get(`change:${name}`) ?? []) (listener as () => void)();
  }

  send(content: unknown): void {
    this.sent.push(content as Sent);
  }

  on(event: string, listener: (...args: never[]) => void): void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
  }

  off(event: string, listener: (...args: never[]) => void): void {
    this.#listeners.get(event)?.delete(listener);
  }

  /** A message of the kernel arrives. */
  receive(content: unknown, buffers: readonly DataView[] = []): void {
    for (const listener of this.#listeners.get("msg:custom") ?? []) {
      (listener as (content: unknown, buffers: readonly DataView[]) => void)(content, buffers);
    }
  }
}
