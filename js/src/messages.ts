// Every message between the page and the kernel; the mirror of deeplake_nb/widgets/messages.py and requests.py.

export const VERSION = 1;

/** An image file in one of the message's buffers, with a text where it is made of something else; or a text. */
export interface PreviewMessage {
  readonly buffer?: number;
  readonly media?: string;
  readonly text?: string;
}

/** Left, top, right, bottom in fractions of the picture, label, colour. */
export type BoxMessage = readonly [number, number, number, number, string, string];

/** Kind, points `x0, y0, x1, y1, ...` in fractions of the picture, label, colour. */
export type ShapeMessage = readonly ["polygon" | "line" | "points", readonly number[], string, string];

/** Class name and colour. */
export type LabelMessage = readonly [string, string];

/** Class name, colour, number and how often it occurs. */
export type ClassMessage = readonly [string, string, number, number];

export type Pair = readonly [number, number];

/** Left, top, right, bottom in pixels of the image. */
export type Region = readonly [number, number, number, number];

export interface TileMessage {
  /** Where it stands in the gallery. */
  readonly row: number;
  /** Its row in the dataset. */
  readonly number: number;
  readonly origin: string;
  readonly preview?: PreviewMessage;
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly BoxMessage[];
  readonly shapes: readonly ShapeMessage[];
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
  readonly count: number;
  readonly origin: string;
  /** Media type of a file that browsers play; empty for any other. */
  readonly media: string;
  readonly picture?: PreviewMessage;
  readonly error?: string;
}

export interface ViewMessage {
  readonly where?: string;
  readonly sort?: string;
  readonly descending?: boolean;
  readonly sample?: number;
  readonly seed?: number;
}

export interface Item {
  readonly tensor: string;
  readonly row: number;
  readonly item: number;
}

/** What the page asks, and what it gets. */
export interface Requests {
  tiles: {
    ask: { tensor: string; rows: readonly number[]; box: number };
    reply: { tiles: readonly TileMessage[] };
  };
  sample: {
    ask: Item & { box: number };
    reply: {
      tile: TileMessage;
      fields: readonly FieldMessage[];
      dtype?: string;
      /** Values shown as black and white, and the smallest and largest one; where the dtype is not of 8 bits. */
      window?: Pair;
      extent?: Pair;
    };
  };
  part: {
    ask: Item & { box: number; region: Region | null; window: Pair | null };
    reply: { preview: PreviewMessage; region: Region; window: Pair; extent: Pair };
  };
  values: { ask: Item & { x: number; y: number }; reply: { values: readonly (readonly [string, string])[] } };
  file: { ask: Item; reply: { media: string } };
  histogram: { ask: object; reply: { tensor: string; classes: readonly ClassMessage[] } };
  view: { ask: { view: ViewMessage }; reply: { length: number; notes: readonly string[] } };
  code: { ask: { start: number; stop: number }; reply: { code: string } };
  rows: { ask: { start: number; stop: number }; reply: { rows: readonly number[] } };
  position: { ask: { row: number }; reply: { position: number } };
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

/** What an error says to a person. */
export function spokenError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What to do about a linked file that cannot be shown: no credentials open one on the kernel's own disk. */
export function advice(origin: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(origin)) {
    return "It lies on the kernel's own machine: put it back there, or link the row to another file.";
  }
  return `%lake explain ${/\s/.test(origin) ? JSON.stringify(origin) : origin} says which credentials are tried.`;
}
