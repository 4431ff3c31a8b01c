// Requests of a form: what is typed goes as bytes beside the message, never in it, and the bytes are wiped.

import type { Model } from "../channel.ts";
import { VERSION } from "../messages.ts";
import type { DrawnMessage, ProgressMessage } from "./messages.ts";

export type Typed = Readonly<Record<string, string>>;

/** So long after the first time a form is asked for again; a cell that waits for it does so for eight seconds. */
const AGAIN_MS = [300, 1000, 3000];

interface Waiting {
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  resolve(content: never): void;
  reject(error: Error): void;
}

export class Wire {
  #last = 0;
  #again: ReturnType<typeof setTimeout>[] = [];
  readonly #waiting = new Map<number, Waiting>();
  readonly #listener = (content: unknown) => this.#receive(content);

  constructor(
    readonly model: Model,
    private readonly told: (progress: ProgressMessage) => void = () => {},
  ) {
    model.on("msg:custom", this.#listener as (...args: never[]) => void);
  }

  /** What to draw. Asked again until it is answered: JupyterLab makes the subshell of a page for its first widget, and
   * until it has one, what is asked waits for the end of the cell that runs. */
  async open(): Promise<DrawnMessage> {
    try {
      return await new Promise<DrawnMessage>((resolve, reject) => {
        const ask = () => void this.#ask<DrawnMessage>("open", {}).then(resolve, reject);
        ask();
        this.#again = AGAIN_MS.map((after) => setTimeout(ask, after));
      });
    } finally {
      this.#askNoMore();
    }
  }

  /** What is wrong with one value, if anything. */
  async check(choice: string, name: string, value: string): Promise<string> {
    const reply = await this.#ask<{ problem: string }>("check", { choice, name }, { [name]: value });
    return reply.problem;
  }

  act(action: string, choice: string, typed: Typed): Promise<DrawnMessage> {
    return this.#ask("act", { action, choice }, typed);
  }

  /** Cancel what is under way; its own answer says what came of it. */
  stop(): Promise<unknown> {
    return this.#ask("stop", {});
  }

  close(): void {
    this.#askNoMore();
    for (const { bytes } of this.#waiting.values()) bytes?.fill(0);
    this.#waiting.clear();
    this.model.off("msg:custom", this.#listener as (...args: never[]) => void);
  }

  #askNoMore(): void {
    for (const timer of this.#again) clearTimeout(timer);
  }

  #ask<T>(kind: string, content: object, typed?: Typed): Promise<T> {
    this.#last += 1;
    const id = this.#last;
    const bytes = typed === undefined ? undefined : new TextEncoder().encode(JSON.stringify(typed));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { bytes, resolve, reject });
      const message = { v: VERSION, id, kind, ...content };
      if (bytes === undefined) this.model.send(message);
      else this.model.send(message, undefined, [bytes.buffer]);
    });
  }

  #receive(content: unknown): void {
    const reply = content as { id?: unknown; kind?: unknown; error?: { message?: unknown } } | null;
    if (typeof reply?.id !== "number" || typeof reply.kind !== "string") return;
    if (reply.kind === "progress") this.told(reply as ProgressMessage);
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    waiting.bytes?.fill(0); // the kernel has it; a message under way may have been waiting for its connection until now
    if (reply.kind.endsWith(".ok")) waiting.resolve(reply as never);
    else waiting.reject(new Error(String(reply.error?.message ?? "The kernel failed.")));
  }
}
