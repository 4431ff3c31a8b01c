// Every message between the page and the kernel; the mirror of deeplake_nb/widgets/messages.py.

export const VERSION = 1;

/** An image file in one of the message's buffers, or a text. */
export interface PreviewMessage {
  readonly buffer?: number;
  readonly media?: string;
  readonly text?: string;
}

/** Left, top, right, bottom in fractions of the picture, label, colour. */
export type BoxMessage = readonly [number, number, number, number, string, string];

/** Class name and colour. */
export type LabelMessage = readonly [string, string];

export interface TileMessage {
  readonly row: number;
  readonly preview?: PreviewMessage;
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly BoxMessage[];
  readonly masks: readonly PreviewMessage[];
  readonly labels: readonly LabelMessage[];
  readonly notes: readonly string[];
  readonly count: number;
  readonly error?: string;
}

export interface FieldMessage {
  readonly name: string;
  readonly htype: string;
  readonly about: string;
  readonly text: string;
  readonly labels: readonly LabelMessage[];
  readonly columns: readonly string[];
  readonly table: readonly (readonly string[])[];
  readonly picture?: PreviewMessage;
  readonly error?: string;
}

/** What the page asks, and what it gets. */
export interface Requests {
  tiles: {
    ask: { tensor: string; rows: readonly number[]; box: number };
    reply: { tiles: readonly TileMessage[] };
  };
  sample: {
    ask: { tensor: string; row: number; box: number };
    reply: { tile: TileMessage; fields: readonly FieldMessage[] };
  };
}

export type Kind = keyof Requests;

export interface Reply<K extends Kind> {
  readonly content: Requests[K]["reply"];
  readonly buffers: readonly DataView[];
}

/** A refusal of the kernel: `code` is stable, `message` is for people. */
export class KernelError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
