// Image files of a message to bitmaps; the browser decodes.

import type { PreviewMessage, TileMessage } from "../messages.ts";
import type { Picture } from "./paint.ts";

/** The picture of a preview, or null for one that is text. */
export async function bitmap(
  preview: PreviewMessage | undefined,
  buffers: readonly DataView[],
): Promise<ImageBitmap | null> {
  if (preview?.buffer === undefined) return null;
  const data = buffers[preview.buffer];
  if (data === undefined) throw new Error("the kernel's answer lacks a picture");
  // The profile and orientation are the file's: boxes refer to the pixels as they are stored.
  return createImageBitmap(new Blob([data as BlobPart], { type: preview.media ?? "" }), {
    imageOrientation: "none" as ImageOrientation,
  });
}

/** A tile's picture with its masks, or null for a tile of words. */
export async function picture(tile: TileMessage, buffers: readonly DataView[]): Promise<Picture | null> {
  const image = await bitmap(tile.preview, buffers);
  if (image === null) return null;
  const masks = await Promise.all(tile.masks.map((mask) => bitmap(mask, buffers)));
  return { image, masks: masks.filter((mask) => mask !== null), boxes: tile.boxes };
}

export function close(picture: Picture | null): void {
  picture?.image.close();
  for (const mask of picture?.masks ?? []) mask.close();
}
