// The widget's traits: what the kernel and the page both know.

import type { Model } from "../channel.ts";
import type { ViewMessage } from "../messages.ts";

export interface Traits {
  /** Rows shown, and rows there are. */
  length: number;
  total: number;
  tensors: string[];
  tensor: string;
  overlays: string[];
  has_classes: boolean;
  /** Where the keyboard is. */
  selected: number;
  /** Rows of the dataset, not places in the gallery. */
  selection: number[];
  view: ViewMessage;
  /** Counts the views: another one means other rows. */
  revision: number;
  tile_px: number;
  sheet: number[];
  /** Whether it has been shown before: the kernel sends the first tiles unasked, once. */
  opened: boolean;
}

export function read<K extends keyof Traits>(model: Model, name: K): Traits[K] {
  return model.get(name) as Traits[K];
}

export function write<K extends keyof Traits>(model: Model, name: K, value: Traits[K]): void {
  model.set(name, value);
  model.save_changes();
}

/**
 * Listen to a trait; the answer stops it. Of several traits in one message marimo tells each before it has taken the
 * next: a moment later all are in place.
 */
export function watch(model: Model, name: keyof Traits, changed: () => void): () => void {
  let isOver = false;
  const soon = () =>
    queueMicrotask(() => {
      if (!isOver) changed();
    });
  model.on(`change:${name}`, soon);
  return () => {
    isOver = true;
    model.off(`change:${name}`, soon);
  };
}
