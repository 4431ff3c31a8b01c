// Requests to the kernel by id: one reply or error each, and a cancel for what is not wanted any more.

import { KernelError, type Kind, type Reply, type Requests, VERSION } from "./messages.ts";

/** The part of anywidget's model that is used here. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on(event: string, listener: (...args: never[]) => void): void;
  off(event: string, listener: (...args: never[]) => void): void;
}

interface Waiting {
  readonly kind: Kind;
  resolve(reply: Reply<Kind>): void;
  reject(error: Error): void;
}

export interface Request<K extends Kind> {
  readonly reply: Promise<Reply<K>>;
  /** Tell the kernel that the answer is not wanted; the promise is never settled then. */
  cancel(): void;
}

export class Channel {
  #last = 0;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listener = (content: unknown, buffers?: readonly DataView[]) =>
    this.#receive(content, buffers ?? []);

  constructor(readonly model: Model) {
    model.on("msg:custom", this.#listener as (...args: never[]) => void);
  }

  ask<K extends Kind>(kind: K, ask: Requests[K]["ask"]): Request<K> {
    this.#last += 1;
    const request = this.#wait(this.#last, kind);
    this.model.send({ v: VERSION, id: this.#last, kind, ...ask });
    return request;
  }

  /** What the kernel sends unasked, as the answer to request 0. */
  expect<K extends Kind>(kind: K): Request<K> {
    return this.#wait(0, kind);
  }

  close(): void {
    this.#waiting.clear();
    this.model.off("msg:custom", this.#listener as (...args: never[]) => void);
  }

  #wait<K extends Kind>(id: number, kind: K): Request<K> {
    const reply = new Promise<Reply<K>>((resolve, reject) => {
      this.#waiting.set(id, { kind, resolve: resolve as Waiting["resolve"], reject });
    });
    const cancel = () => {
      if (this.#waiting.delete(id)) this.model.send({ v: VERSION, id, kind: "cancel" });
    };
    return { reply, cancel };
  }

  #receive(content: unknown, buffers: readonly DataView[]): void {
    if (!isRecord(content) || typeof content.id !== "number" || typeof content.kind !== "string") return;
    const waiting = this.#waiting.get(content.id);
    if (waiting === undefined) return;
    this.#waiting.delete(content.id);
    if (content.v !== VERSION) {
      waiting.reject(
        new KernelError("version", "The page and the kernel differ in version: reload the page."),
      );
    } else if (content.kind === `${waiting.kind}.ok`) {
      waiting.resolve({ content: content as unknown as Requests[Kind]["reply"], buffers });
    } else {
      const error = isRecord(content.error) ? content.error : {};
      waiting.reject(
        new KernelError(String(error.code ?? "unknown"), String(error.message ?? "The kernel failed.")),
      );
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
